-- A worker's life: LOAD, calls one at a time in a synchronous read loop, DRAIN.
local part = ...
local uv = require('luv')
local json, frames, sdk, http, versions = part('json'), part('frames'), part('sdk'), part('http'), part('versions')
local loop = {}
local plan, handler, answer
local is_draining, credit, after_reply = false, 0, {}

-- A frame that is not about a new call.
local function between(kind, meta, body)
  if kind == frames.PING then
    frames.write(frames.PONG, 0, '', body)
  elseif kind == frames.DRAIN then
    is_draining = true
  elseif kind == frames.CREDIT then
    credit = credit + json.parse(meta).bytes
  elseif kind == frames.ANSWER then
    sdk.answered(meta, body)
  end
end
sdk.between = between

-- ---------------------------------------------------------------- what a handler is told

local function log_of(call)
  local log = {}
  for _, level in ipairs({'debug', 'info', 'warn', 'error'}) do
    log[level] = function(message, fields)
      local ok, meta = pcall(json.text, {level = level, fields = fields})
      if not ok then meta = json.text({level = level, fields = {text = 'they cannot be written as JSON'}}) end
      if #meta > frames.META_MAX then meta = json.text({level = level, fields = {text = #meta .. ' bytes, too many'}}) end
      frames.write(frames.LOG, call, meta, frames.text(type(message) == 'string' and message or http.line(message)))
    end
  end
  return log
end

local function do_after(work)
  after_reply[#after_reply + 1] = work
end

-- Made when they are asked for: most handlers need none of them.
local FACTS = {call_id = 'id', auth = 'auth', deadline = 'deadline_ms'}
local Context = {__index = function(ctx, name)
  local found
  if name == 'log' then
    found = log_of(ctx.call)
  elseif name == 'sdk' then
    found = sdk.of(ctx.call)
  elseif FACTS[name] then
    ctx.facts = rawget(ctx, 'facts') or (ctx.meta == '' and {} or json.parse(ctx.meta))
    found = ctx.facts[FACTS[name]]
    if found == json.null then found = nil end
  end
  rawset(ctx, name, found)
  return found
end}

local function context_of(call, meta)
  return setmetatable({call = call, meta = meta, ['function'] = plan['function'], env = plan.env, json = json, after_reply = do_after}, Context)
end

-- ---------------------------------------------------------------- answers

local function reply(call, head, body)
  if 12 + #head + #body > plan.max_frame or #head > frames.META_MAX then
    frames.fail('INVALID_OUTPUT', 'the reply has ' .. #head + #body .. ' bytes, more than limits.payload allows: return less, or stream it')
  end
  io.stdout:flush()
  frames.write(frames.REPLY, call, head, body)
end

-- The values of a function that is called until it gives nil, of a coroutine, of a list.
local function values_of(pieces)
  if type(pieces) == 'thread' then return coroutine.wrap(function()
    while true do
      local ok, value = coroutine.resume(pieces)
      if not ok then error(value, 0) end
      if coroutine.status(pieces) == 'dead' and value == nil then return end
      coroutine.yield(value)
      if coroutine.status(pieces) == 'dead' then return end
    end
  end) end
  if type(pieces) ~= 'table' then return pieces end
  local at = 0
  return function()
    at = at + 1
    return pieces[at]
  end
end

local function stream(call, head, next_piece)
  io.stdout:flush()
  frames.write(frames.REPLY, call, head, '', frames.MORE)
  credit = plan.credit
  for piece in next_piece do
    for at = 1, #piece, frames.CHUNK_SIZE do
      local bytes = #piece <= frames.CHUNK_SIZE and piece or piece:sub(at, at + frames.CHUNK_SIZE - 1)
      while credit < #bytes do
        local kind, _, of, meta, body = frames.read()
        if not kind then os.exit(0) end
        if kind == frames.CANCEL and of == call then frames.fail('CANCELLED', 'the stream was cancelled') end
        between(kind, meta, body)
      end
      credit = credit - #bytes
      io.stdout:flush()
      frames.write(frames.CHUNK, call, '', bytes, frames.MORE)
    end
  end
  frames.write(frames.CHUNK, call)
end

local function json_of(value)
  local ok, text = pcall(json.text, value)
  if not ok then
    frames.fail('INVALID_OUTPUT', "the handler's value cannot be written as JSON: " .. (type(text) == 'table' and text.json or tostring(text)))
  end
  return text
end

local function answer_json(call, meta, body)
  local input
  if body ~= '' then
    local ok, found = pcall(json.parse, body)
    if not ok then frames.fail('INVALID_INPUT', 'the input is not JSON: ' .. (type(found) == 'table' and found.json or tostring(found))) end
    if found ~= json.null then input = found end
  end
  local output = handler(input, context_of(call, meta))
  local kind = type(output)
  if kind ~= 'function' and kind ~= 'thread' then return reply(call, '', json_of(output)) end
  local next_value = values_of(output)
  stream(call, '{"headers":[["content-type","application/x-ndjson"]]}', function()
    local value = next_value()
    if value ~= nil then return json_of(value) .. '\n' end
  end)
end

local function answer_module(call, meta, body)
  local args = {}
  if body ~= '' then
    local ok, found = pcall(json.parse, body)
    if not ok then frames.fail('INVALID_INPUT', 'the arguments are not JSON: ' .. (type(found) == 'table' and found.json or tostring(found))) end
    args = found
  end
  local output = handler(json.parse(meta), args)
  local kind = type(output)
  if kind == 'function' or kind == 'thread' then
    local all = json.list()
    for value in values_of(output) do all[#all + 1] = value end
    output = all
  end
  reply(call, '', json_of(output))
end

local function answer_context(call, meta, body)
  local head = json.parse(meta)
  local log = log_of(call)
  local context = {req = http.request(head, body), res = http.res, sdk = sdk.of(call), json = json, after_reply = do_after,
    log = function(...) log.info(http.line(...)) end, error = function(...) log.error(http.line(...)) end}
  local reply_head, payload = http.finished(handler(context))
  if type(payload) == 'string' then return reply(call, reply_head, payload) end
  stream(call, reply_head, values_of(payload))
end

-- A body that comes in pieces, whole.
local function rest_of(call, first)
  local pieces = {first}
  while true do
    local kind, flags, of, meta, body = frames.read()
    if not kind then os.exit(0) end
    if kind == frames.CANCEL and of == call then frames.fail('CANCELLED', 'the call was cancelled before its body was whole') end
    if kind ~= frames.CHUNK or of ~= call then
      between(kind, meta, body)
    else
      pieces[#pieces + 1] = body
      if flags % 2 == 0 then return table.concat(pieces) end
      frames.write(frames.CREDIT, call, '{"bytes":' .. #body .. '}')
    end
  end
end

local function called(call, meta, body, flags)
  sdk.begin(call)
  if flags % 2 ~= 0 then body = rest_of(call, body) end
  answer(call, meta, body)
end

local function on_call(call, meta, body, flags)
  local ok, caught = xpcall(called, frames.caught, call, meta, body, flags)
  if not ok then
    io.stdout:flush()
    frames.write(frames.ERROR, call, frames.describe(caught, 'FUNCTION_ERROR'))
  end
  sdk.begin(0)
  while #after_reply > 0 do
    ok, caught = xpcall(table.remove(after_reply, 1), frames.caught)
    if not ok then io.stderr:write('after the reply: ', tostring(caught.thrown), '\n', caught.stack, '\n') end
    io.stdout:flush()
  end
end

-- ---------------------------------------------------------------- loading

local function find(value)
  local names = plan.handler ~= '' and {plan.handler} or {'handler', 'main', 'handle'}
  if plan.handler == '' and type(value) == 'function' then return value end
  for _, place in ipairs({type(value) == 'table' and value or {}, _G}) do
    for _, name in ipairs(names) do
      local found = rawget(place, name)
      if type(found) == 'function' then return found end
    end
  end
  frames.fail('LOAD_FAILED', plan.entrypoint .. ': it returns no function, and has none called ' .. table.concat(names, ' or '))
end

local function load_function()
  for _, place in ipairs({plan.dir, plan.output}) do -- its own lua_modules, or those that the build has made
    local modules = place .. '/lua_modules/%s/lua/' .. versions.language .. '/?'
    package.path = modules:format('share') .. '.lua;' .. modules:format('share') .. '/init.lua;' .. package.path
    package.cpath = modules:format('lib') .. '.so;' .. package.cpath
  end
  package.path = plan.dir .. '/?.lua;' .. plan.dir .. '/?/init.lua;' .. package.path
  if plan.interface == 'module' then
    handler = part('modules').of(plan.dir)
    return
  end
  arg = {[0] = plan.entrypoint}
  local chunk, problem = loadfile(plan.entrypoint, 't')
  if not chunk then error(problem, 0) end
  handler = find(chunk(plan.entrypoint))
end

local function on_load(meta)
  plan = json.parse(meta)
  sdk.limit = plan.max_frame
  uv.chdir(plan.dir)
  for name, value in pairs(plan.env) do uv.os_setenv(name, value) end
  answer = ({context = answer_context, module = answer_module})[plan.interface] or answer_json
  local ok, caught = xpcall(load_function, frames.caught)
  io.stdout:flush()
  if not ok then
    frames.write(frames.ERROR, 0, frames.describe(caught, 'LOAD_FAILED'))
    os.exit(1)
  end
  frames.write(frames.READY, 0)
end

function loop.run()
  uv.os_unsetenv('TRIVET_SPARE')
  io.stdout:setvbuf('line')
  frames.write(frames.HELLO, 0, json.text({protocol = 1, runtime = versions.runtime, version = versions.version, concurrency = 1, features = json.list({'stream'})}))
  while not is_draining do
    local kind, flags, call, meta, body = frames.read()
    if not kind then break end
    if kind == frames.CALL then
      on_call(call, meta, body, flags)
    elseif kind == frames.LOAD then
      on_load(meta)
    else
      between(kind, meta, body)
    end
  end
  os.exit(0, true) -- finalizers run
end

return loop
