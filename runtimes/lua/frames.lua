-- The frame (docs/formats/frame.md): how frames are read and written, and how errors are told.
local part = ...
local json, versions = part('json'), part('versions')
local uv = require('luv')
local frames = {LOAD = 1, CALL = 2, CHUNK = 3, CANCEL = 4, PING = 5, ANSWER = 6, DRAIN = 8, CREDIT = 9,
  HELLO = 65, READY = 66, REPLY = 67, ERROR = 68, LOG = 69, PONG = 70, ASK = 71,
  MORE = 1, CHUNK_SIZE = 65536, META_MAX = 0x100000, TEXT_MAX = 65536}
local head, read_head = versions.head, versions.read_head
local buffer = ''

-- A descriptor that programs which user code starts do not hold: Lua has no way to mark one, but opening it anew does.
local function own(fd, mode)
  local mine = uv.fs_open('/proc/self/fd/' .. fd, mode, 0)
  if not mine then return fd end
  uv.fs_close(fd)
  return mine
end

local fd_in, fd_out = own(3, 'r'), own(4, 'w')

local function more(most)
  while true do
    local piece, _, name = uv.fs_read(fd_in, most, -1)
    if piece then return piece ~= '' and piece or nil end
    if name ~= 'EINTR' then return nil end
  end
end

-- type, flags, call, meta, body; nothing at the end of the input.
function frames.read()
  while #buffer < 16 do
    local piece = more(65536)
    if not piece then return nil end
    buffer = buffer .. piece
  end
  local length, kind, flags, call, meta_length = read_head(buffer)
  local size = length + 4
  if #buffer < size then
    local pieces, have = {buffer}, #buffer
    while have < size do
      local piece = more(math.min(math.max(size - have, 65536), 0x100000))
      if not piece then os.exit(0) end
      pieces[#pieces + 1], have = piece, have + #piece
    end
    buffer = table.concat(pieces)
  end
  local meta, body = buffer:sub(17, 16 + meta_length), buffer:sub(17 + meta_length, size)
  buffer = #buffer == size and '' or buffer:sub(size + 1)
  return kind, flags, call, meta, body
end

-- One write, unless the pipe is full.
function frames.write(kind, call, meta, body, flags)
  meta, body = meta or '', body or ''
  local bytes = head(12 + #meta + #body, kind, flags or 0, call, #meta) .. meta .. body
  while true do
    local sent, _, name = uv.fs_write(fd_out, bytes, -1)
    if sent == #bytes then return end
    if sent then
      bytes = bytes:sub(sent + 1)
    elseif name ~= 'EINTR' then
      os.exit(0) -- the host is gone
    end
  end
end

-- Text as UTF-8 whatever it is, cut where it is too long.
function frames.text(s, most)
  most = most or frames.TEXT_MAX
  if #s > most then
    s = s:sub(1, most):gsub('[\xC0-\xFF][\x80-\xBF]?[\x80-\xBF]?$', '')
  end
  local out, at = {}, 1
  while true do
    local _, bad = versions.utf8.len(s, at)
    if not bad then break end
    out[#out + 1] = s:sub(at, bad - 1) .. '\u{FFFD}'
    at = bad + 1
  end
  out[#out + 1] = s:sub(at)
  return table.concat(out)
end

-- What a failed frame says: thrown by the shim, and seen by user code as its sentence.
local Failure = {__tostring = function(failure) return failure.message end}

function frames.fail(code, message)
  error(setmetatable({failure = code, message = message}, Failure), 0)
end

-- The handler of xpcall: what is thrown, with its stack without the shim's own lines.
function frames.caught(thrown)
  local lines = {}
  for line in debug.traceback('', 2):gmatch('[^\n]+') do
    local is_own = line:find('^%s*trivet:') or line:find('worker%.lua:%d+:') or line:find("%[C%]: in function 'x?pcall'") or line:find('%[C%]: in %?') or line:find('%[C%]: at 0x')
      or line:find("%[C%]: in function 'error'") or line:find('^stack traceback')
    if not is_own then lines[#lines + 1] = '    ' .. line:match('^%s*(.*)$') end
  end
  return {thrown = thrown, stack = table.concat(lines, '\n')}
end

-- ERROR's meta of what `caught` gave.
function frames.describe(caught, code)
  local thrown, kind, place = caught.thrown, 'error', nil
  if type(thrown) == 'table' and thrown.failure then
    return json.text({code = thrown.failure, message = frames.text(thrown.message)})
  end
  local message
  if type(thrown) == 'table' and not (getmetatable(thrown) or {}).__tostring then
    message, kind = tostring(thrown.message or json.encode(thrown)), tostring(thrown.type or kind)
  else
    local ok, said = pcall(tostring, thrown)
    message = ok and said or type(thrown)
    kind = type(thrown) == 'table' and thrown.type or kind
    if code ~= 'LOAD_FAILED' and type(thrown) == 'string' then -- error() puts the place in front
      place = message:match('^[^\n:]+:%d+: ')
      message = place and message:sub(#place + 1) or message
    end
  end
  if type(thrown) == 'table' and thrown.code == 'LOOP_DETECTED' then code = 'LOOP_DETECTED' end -- its caller must know
  local stack = kind .. ': ' .. message .. (place and ' (' .. place:sub(1, -3) .. ')' or '') .. '\n' .. caught.stack
  return json.text({code = code, message = frames.text(message), type = frames.text(kind), stack = frames.text(stack)})
end

return frames
