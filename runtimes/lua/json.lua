-- JSON as values of Lua, so that what is read can be written again: whole numbers are integers, lists know that they are lists, also empty
-- ones, and null is a value of its own.
local part = ...
local versions = part('versions')
local json = {}
local find, byte, sub, char, format, concat, is_integer, length = string.find, string.byte, string.sub, string.char, string.format, table.concat, versions.is_integer, versions.utf8.len
local DEPTH = 1000

json.null = setmetatable({}, {__tostring = function() return 'null' end, __name = 'null'})
local null = json.null
local List = {__name = 'list'}

-- Marks a table as a list: an empty one is then written as [].
function json.list(items)
  return setmetatable(items or {}, List)
end

function json.is_list(value)
  return getmetatable(value) == List
end

-- ---------------------------------------------------------------- reading

local value

local function fail(what, at)
  error({json = what .. ' at offset ' .. at - 1}, 0)
end

local SHORT = {['"'] = '"', ['\\'] = '\\', ['/'] = '/', b = '\b', f = '\f', n = '\n', r = '\r', t = '\t'}

local function long_text(s, from)
  local out, at = {}, from
  while true do
    local stop = find(s, '["\\%z\1-\31]', at)
    if not stop then fail('a text does not end', from - 1) end
    out[#out + 1] = sub(s, at, stop - 1)
    local c = sub(s, stop, stop)
    if c == '"' then return concat(out), stop + 1 end
    if c ~= '\\' then fail('a control character in a text', stop) end
    local escape = sub(s, stop + 1, stop + 1)
    if SHORT[escape] then
      out[#out + 1], at = SHORT[escape], stop + 2
    else
      local hex = s:match('^u(%x%x%x%x)', stop + 1)
      if not hex then fail('an unknown escape', stop) end
      local code, low = tonumber(hex, 16), nil
      at = stop + 6
      if code >= 0xD800 and code < 0xDC00 then
        low = s:match('^\\u([dD][c-fC-F]%x%x)', at)
        if low then code, at = 0x10000 + (code - 0xD800) * 0x400 + tonumber(low, 16) - 0xDC00, at + 6 end
      end
      if code >= 0xD800 and code < 0xE000 then code = 0xFFFD end -- half a pair
      out[#out + 1] = versions.utf8.char(code)
    end
  end
end

local function text(s, at) -- the place behind the quote
  local stop = find(s, '["\\%z\1-\31]', at)
  if stop and byte(s, stop) == 34 then return sub(s, at, stop - 1), stop + 1 end
  return long_text(s, at)
end

local function skip(s, at)
  local c = byte(s, at)
  if c == 32 or c == 10 or c == 13 or c == 9 then
    at = find(s, '[^ \n\r\t]', at) or #s + 1
    c = byte(s, at)
  end
  return at, c
end

local function list(s, at, depth)
  local items, n, c = setmetatable({}, List), 0, nil
  at, c = skip(s, at)
  if c == 93 then return items, at + 1 end
  while true do
    n = n + 1
    items[n], at = value(s, at, depth)
    c = byte(s, at)
    if c ~= 44 and c ~= 93 then at, c = skip(s, at) end
    if c == 93 then return items, at + 1 end
    if c ~= 44 then fail('a list goes on without a comma', at) end
    at = at + 1
  end
end

local function object(s, at, depth)
  local found, name, c = {}, nil, nil
  at, c = skip(s, at)
  if c == 125 then return found, at + 1 end
  while true do
    if c ~= 34 then fail('a name is missing', at) end
    name, at = text(s, at + 1)
    c = byte(s, at)
    if c ~= 58 then at, c = skip(s, at) end
    if c ~= 58 then fail('a name without a colon', at) end
    found[name], at = value(s, at + 1, depth)
    c = byte(s, at)
    if c ~= 44 and c ~= 125 then at, c = skip(s, at) end
    if c == 125 then return found, at + 1 end
    if c ~= 44 then fail('an object goes on without a comma', at) end
    at = at + 1
    c = byte(s, at)
    if c ~= 34 then at, c = skip(s, at) end
  end
end

local WORDS = {[116] = {'true', true}, [102] = {'false', false}, [110] = {'null', json.null}}

function value(s, at, depth)
  local c = byte(s, at)
  if c == 32 or c == 10 or c == 13 or c == 9 then at, c = skip(s, at) end
  if c == 34 then return text(s, at + 1) end
  if c == 123 or c == 91 then
    if depth > DEPTH then fail('too deep', at) end
    return (c == 123 and object or list)(s, at + 1, depth + 1)
  end
  local from, stop = find(s, '^-?%d+', at)
  if not from then
    local word = WORDS[c]
    if word and sub(s, at, at + #word[1] - 1) == word[1] then return word[2], at + #word[1] end
    fail(c and 'no value' or 'it ends too early', at)
  end
  local first = c == 45 and byte(s, at + 1) or c
  if first == 48 and stop > (c == 45 and at + 1 or at) then fail('a number begins with 0', at) end
  c = byte(s, stop + 1)
  if c == 46 or c == 101 or c == 69 then
    stop = select(2, find(s, '^%.%d+', stop + 1)) or stop
    stop = select(2, find(s, '^[eE][+-]?%d+', stop + 1)) or stop
  end
  return tonumber(sub(s, from, stop)), stop + 1
end

-- The value of a text; throws {json = what is wrong}.
function json.parse(s)
  local found, at = value(s, 1, 0)
  at = skip(s, at)
  if at <= #s then fail('more than one value', at) end
  return found
end

-- ---------------------------------------------------------------- writing

local ESCAPES = {['"'] = '\\"', ['\\'] = '\\\\', ['\n'] = '\\n', ['\r'] = '\\r', ['\t'] = '\\t'}
for code = 0, 31 do ESCAPES[char(code)] = ESCAPES[char(code)] or format('\\u%04x', code) end

local function quoted(s)
  if find(s, '["\\%z\1-\31]') then s = s:gsub('["\\%z\1-\31]', ESCAPES) end
  if not length(s) then error({json = 'a text that is not UTF-8'}, 0) end
  return '"' .. s .. '"'
end

local function number(v)
  local whole = versions.tointeger(v)
  if whole then return format('%d', whole) end
  if v ~= v or v == math.huge or v == -math.huge then error({json = 'a number that JSON has not: ' .. v}, 0) end
  local short = format('%.15g', v)
  return tonumber(short) == v and short or format('%.17g', v)
end

local write -- (out, count of out, value, depth) -> count of out

local function write_list(out, n, v, depth)
  local count = 0
  for _ in next, v do count = count + 1 end
  if count ~= #v then error({json = 'a list with holes or names in it'}, 0) end
  if count == 0 then
    out[n + 1] = '[]'
    return n + 1
  end
  for at = 1, count do
    out[n + 1] = at == 1 and '[' or ','
    n = write(out, n + 1, v[at], depth)
  end
  out[n + 1] = ']'
  return n + 1
end

local function write_object(out, n, v, depth)
  local mark = '{'
  for name, each in next, v do
    if type(name) ~= 'string' then
      if type(name) ~= 'number' or not is_integer(name) then error({json = 'a name that is a ' .. type(name)}, 0) end
      name = format('%d', name)
    end
    out[n + 1] = mark
    out[n + 2] = quoted(name)
    out[n + 3] = ':'
    n = write(out, n + 3, each, depth)
    mark = ','
  end
  out[n + 1] = mark == '{' and '{}' or '}'
  return n + 1
end

function write(out, n, v, depth)
  local kind = type(v)
  if kind == 'string' then
    out[n + 1] = quoted(v)
  elseif kind == 'number' then
    out[n + 1] = is_integer(v) and format('%d', v) or number(v)
  elseif kind == 'boolean' then
    out[n + 1] = v and 'true' or 'false'
  elseif v == nil or v == null or (kind == 'userdata' and tostring(v) == 'userdata: (nil)') then -- that is the null of cjson
    out[n + 1] = 'null'
  elseif kind ~= 'table' then
    error({json = 'a ' .. kind}, 0)
  elseif depth > DEPTH then
    error({json = 'a table that holds itself, or is too deep'}, 0)
  elseif v[1] ~= nil or getmetatable(v) == List then
    return write_list(out, n, v, depth + 1)
  else
    return write_object(out, n, v, depth + 1)
  end
  return n + 1
end

-- JSON of a value; throws {json = what cannot be written}.
function json.text(v)
  local kind = type(v)
  if kind == 'string' then return quoted(v) end
  local out = {}
  write(out, 0, v, 0)
  return concat(out)
end

-- For user code: errors are sentences.
function json.decode(s)
  local ok, found = pcall(json.parse, s)
  if not ok then error('this is not JSON: ' .. (type(found) == 'table' and found.json or tostring(found)), 2) end
  return found
end

function json.encode(v)
  local ok, found = pcall(json.text, v)
  if not ok then error('JSON cannot hold ' .. (type(found) == 'table' and found.json or tostring(found)), 2) end
  return found
end

return json
