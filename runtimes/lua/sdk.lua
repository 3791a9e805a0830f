-- ctx.sdk: calls of other functions, over ASK and ANSWER (docs/formats/frame.md). Whoever waits for an ANSWER reads the frames.
local part = ...
local json, frames, versions = part('json'), part('frames'), part('versions')
local sdk = {current = 0, cancelled = 0, limit = versions.huge}
local last, answers = 0, {} -- the number of the last ask; by number: false until the answer is there

local Error = {__name = 'sdk.Error'}
Error.__index = Error

function Error.__tostring(failed)
  if failed.code == 'LOOP_DETECTED' then return failed.message end -- told as it is by each that it passes through
  return failed['function'] .. ': ' .. failed.code .. ': ' .. failed.message
end

-- `details` is all that is known about the failure; status and body are those of an answer that refused.
local function failed(details, body)
  return setmetatable({type = 'sdk.Error', code = details.code, message = details.message, ['function'] = details['function'] or '',
    status = details.status, details = details, body = body}, Error)
end

function sdk.begin(call)
  sdk.current, answers = call, {}
end

local function end_if_cancelled()
  if sdk.cancelled == sdk.current then frames.fail('CANCELLED', 'the call was cancelled') end
end

local function send(call, name, input, timeout)
  local body = json.encode(input)
  local meta = json.text({ask = last + 1, service = 'call', ['function'] = name, timeout_ms = timeout and math.max(0, math.floor(timeout * 1000 + 0.5)) or nil})
  if call ~= sdk.current then error(failed({code = 'CANCELLED', message = 'the call has ended', ['function'] = name}), 0) end
  end_if_cancelled()
  if 12 + #meta + #body > sdk.limit or #meta > frames.META_MAX then
    error(failed({code = 'PAYLOAD_TOO_LARGE', ['function'] = name,
      message = 'the input has ' .. #body .. ' bytes, more than limits.payload of its caller allows'}), 0)
  end
  io.stdout:flush()
  last = last + 1
  answers[last] = false
  frames.write(frames.ASK, call, meta, body)
  return last
end

local function value_of(answer, body)
  if not answer.ok then error(failed(answer.error, body), 0) end
  local kind = (answer.type or 'application/json'):lower()
  if kind:find('application/json', 1, true) == 1 then
    if body == '' then return nil end
    local found = json.decode(body)
    if found == json.null then return nil end
    return found
  elseif kind:find('application/x-ndjson', 1, true) == 1 then
    local found = json.list()
    for line in body:gmatch('[^\n]+') do found[#found + 1] = json.decode(line) end
    return found
  end
  return body
end

local function wait(number)
  if answers[number] == nil then error(failed({code = 'CANCELLED', message = 'the call that asked has ended'}), 0) end
  while not answers[number] do
    end_if_cancelled()
    local kind, _, call, meta, body = frames.read()
    if not kind then os.exit(0) end
    if kind == frames.CANCEL then
      sdk.cancelled = call
    else
      sdk.between(kind, meta, body)
    end
  end
  local answer = answers[number]
  answers[number] = nil
  return value_of(answer[1], answer[2])
end

function sdk.answered(meta, body)
  local answer = json.parse(meta)
  if answers[answer.ask] ~= nil then answers[answer.ask] = {answer, body} end -- else its call has ended
end

-- The sdk of a call. Timeouts are in seconds.
function sdk.of(call)
  local found = {Error = Error}

  -- What the function returns for the input. Waits; throws a table with code, function, message, details, status, body.
  function found.call(name, input, timeout)
    return wait(send(call, name, input, timeout))
  end

  -- The same without waiting: several run at once, and each has wait().
  function found.start(name, input, timeout)
    local number = send(call, name, input, timeout)
    return {wait = function() return wait(number) end}
  end

  return found
end

return sdk
