-- The `context` interface: the open-runtimes form of a function's request and response (runtimes/CONTRACT.md).
local part = ...
local json, frames, versions = part('json'), part('frames'), part('versions')
local http = {}
local HIDDEN, LOG_LINE_MAX = '^x%-open%-runtimes%-', 8000

local function json_of(body)
  return json.decode(body)
end

-- The parts of a request that are made when they are asked for.
local LAZY = {
  body_text = function(req) return frames.text(req.body_binary, versions.huge) end,
  body_json = function(req) return json_of(req.body_binary) end,
  body = function(req)
    if (req.headers['content-type'] or ''):lower():find('application/json', 1, true) ~= 1 then return req.body_text end
    return req.body_binary == '' and {} or json_of(req.body_binary)
  end,
  url = function(req)
    local usual = req.scheme == 'https' and 443 or 80
    return req.scheme .. '://' .. req.host .. (req.port == usual and '' or ':' .. req.port) .. req.path
      .. (req.query_string == '' and '' or '?' .. req.query_string)
  end,
}
LAZY.body_raw = LAZY.body_text

local Request = {__index = function(req, name)
  local make = LAZY[name]
  if not make then return nil end
  local made = make(req)
  rawset(req, name, made)
  return made
end}

function http.request(head, body)
  local req = {method = head.method, path = head.path, scheme = head.scheme, query_string = head.query, body_binary = body, headers = {}, query = {}}
  for _, pair in ipairs(head.headers) do
    if not pair[1]:find(HIDDEN) then req.headers[pair[1]] = pair[2] end
  end
  local host, port = head.host:match('^([^:]*):?(.*)$')
  req.host, req.port = host, port:find('^%d+$') and versions.tointeger(tonumber(port)) or (req.scheme == 'https' and 443 or 80)
  for pair in head.query:gmatch('[^&]+') do
    local name, value = pair:match('^([^=]*)=?(.*)$')
    if name ~= '' then req.query[name] = value end
  end
  return setmetatable(req, Request)
end

local Response = {}

local function response(status, headers, payload)
  local lower = {}
  for name, value in pairs(headers or {}) do lower[name:lower()] = value end
  return setmetatable({status = status or 200, headers = lower, payload = payload}, Response)
end

local function with(headers, name, value)
  local all = {}
  for key, each in pairs(headers or {}) do all[key:lower()] = each end
  all[name] = value
  return all
end

http.res = {
  text = function(body, status, headers) return response(status, headers, tostring(body)) end,
  binary = function(body, status, headers) return response(status, headers, body) end,
  json = function(value, status, headers) return response(status, with(headers, 'content-type', 'application/json'), json.encode(value)) end,
  empty = function() return response(204, nil, '') end,
  redirect = function(url, status, headers) return response(status or 301, with(headers, 'location', url), '') end,
  stream = function(pieces, status, headers) return response(status, headers, pieces) end, -- a function, a coroutine, or a list
}
http.res.send = http.res.text

-- The REPLY's meta and the payload of what a handler returned.
function http.finished(reply)
  if getmetatable(reply) ~= Response then
    frames.fail('INVALID_OUTPUT', 'Return statement missing. return context.res.empty() if no response is expected.')
  end
  local headers = reply.headers
  local kind = headers['content-type'] or 'text/plain'
  if kind:lower():find('multipart/', 1, true) ~= 1 then
    kind = kind:lower()
    if not kind:find('charset=', 1, true) then kind = kind .. '; charset=utf-8' end
  end
  headers['content-type'] = kind
  local pairs_of = json.list()
  for name, value in pairs(headers) do
    if not name:find(HIDDEN) then
      for _, each in ipairs(type(value) == 'table' and value or {value}) do
        pairs_of[#pairs_of + 1] = json.list({name, frames.text(tostring(each))})
      end
    end
  end
  return json.text({status = reply.status, headers = pairs_of}), reply.payload
end

-- A line of context.log: texts as they are, everything else as JSON.
function http.line(...)
  local words = versions.pack(...)
  for at = 1, words.n do
    local word = words[at]
    if type(word) ~= 'string' then
      local ok, text = pcall(json.text, word)
      words[at] = ok and text or tostring(word)
    end
  end
  local line = frames.text(table.concat(words, ' '), 4 * LOG_LINE_MAX)
  local stop = versions.utf8.offset(line, LOG_LINE_MAX + 1)
  return stop and line:sub(1, stop - 1) or line
end

return http
