-- What Lua 5.4 has and LuaJIT has not: packed numbers, whole numbers of their own, and UTF-8.
local versions = {}
local jit = rawget(_G, 'jit')
versions.language = _VERSION:match('[%d.]+') -- as folders of modules are called
versions.runtime, versions.version = 'lua', versions.language
if jit then versions.runtime, versions.version = 'luajit', jit.version:match('[%d.]+') end
versions.unpack = table.unpack or unpack
versions.huge = math.maxinteger or 2 ^ 53

function versions.pack(...)
  return {n = select('#', ...), ...}
end

if string.pack then
  local pack, unpack = string.pack, string.unpack

  function versions.head(length, kind, flags, call, meta_length)
    return pack('>I4BBI2I4I4', length, kind, flags, 0, call, meta_length)
  end

  -- length, type, flags, call, length of meta
  function versions.read_head(bytes)
    local length, kind, flags, _, call, meta_length = unpack('>I4BBI2I4I4', bytes)
    return length, kind, flags, call, meta_length
  end

  function versions.is_integer(v) return math.type(v) == 'integer' end
  versions.tointeger, versions.utf8 = math.tointeger, utf8
  return versions
end

local byte, char, floor, find = string.byte, string.char, math.floor, string.find

local function four(n)
  return char(floor(n / 0x1000000), floor(n / 0x10000) % 256, floor(n / 256) % 256, n % 256)
end

local function number(bytes, at)
  local a, b, c, d = byte(bytes, at, at + 3)
  return ((a * 256 + b) * 256 + c) * 256 + d
end

function versions.head(length, kind, flags, call, meta_length)
  return four(length) .. char(kind, flags, 0, 0) .. four(call) .. four(meta_length)
end

function versions.read_head(bytes)
  return number(bytes, 1), byte(bytes, 5), byte(bytes, 6), number(bytes, 9), number(bytes, 13)
end

-- Numbers that a double holds exactly.
function versions.is_integer(v)
  return v == floor(v) and v < 2 ^ 53 and v > -2 ^ 53
end

function versions.tointeger(v)
  return versions.is_integer(v) and v or nil
end

local text = {}
versions.utf8 = text

function text.char(code)
  if code < 0x80 then return char(code) end
  if code < 0x800 then return char(0xC0 + floor(code / 64), 0x80 + code % 64) end
  if code < 0x10000 then return char(0xE0 + floor(code / 4096), 0x80 + floor(code / 64) % 64, 0x80 + code % 64) end
  return char(0xF0 + floor(code / 262144), 0x80 + floor(code / 4096) % 64, 0x80 + floor(code / 64) % 64, 0x80 + code % 64)
end

-- Bytes of the character at a place, or nothing when it is none.
local function size(s, at)
  local a, b, c, d = byte(s, at, at + 3)
  local function follows(x) return x and x >= 0x80 and x < 0xC0 end
  if a < 0x80 then return 1 end
  if a < 0xC2 or a > 0xF4 or not follows(b) then return nil end
  if a < 0xE0 then return 2 end
  if not follows(c) or (a == 0xE0 and b < 0xA0) or (a == 0xED and b >= 0xA0) then return nil end
  if a < 0xF0 then return 3 end
  if not follows(d) or (a == 0xF0 and b < 0x90) or (a == 0xF4 and b >= 0x90) then return nil end
  return 4
end

-- Characters from a place on; or nothing, and where the first bad byte is.
function text.len(s, at)
  at = at or 1
  if not find(s, '[\128-\255]', at) then return #s - at + 1 end
  local count = 0
  while at <= #s do
    local bytes = size(s, at)
    if not bytes then return nil, at end
    at, count = at + bytes, count + 1
  end
  return count
end

-- Where the n-th character begins; one behind the last is the end.
function text.offset(s, n)
  local at = 1
  for _ = 2, n do
    if at > #s then return nil end
    at = at + (size(s, at) or 1)
  end
  return at
end

return versions
