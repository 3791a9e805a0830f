-- A hostile function: does what `attack` says by the means of this language and its libuv, and answers what came of it.
local uv = require('luv')

local function must(value, message)
  if not value then error(message, 0) end
  return value
end

local function close(handle)
  if not handle:is_closing() then handle:close() end
end

-- Runs the loop until `finished()` or for `ms`.
local function wait(finished, ms)
  local timer, late = uv.new_timer(), false
  timer:start(ms, 0, function() late = true end)
  while not finished() and not late do uv.run('once') end
  close(timer)
  return finished()
end

local attacks = {}

function attacks.read(path)
  local file = must(uv.fs_open(path, 'r', 0))
  uv.fs_read(file, 1, 0)
  uv.fs_close(file)
end

function attacks.write(path) uv.fs_close(must(uv.fs_open(path, 'a', 384))) end

function attacks.tcp(address)
  local host, port = address:match('^(.*):(%d+)$')
  local socket, done, failure = uv.new_tcp(), false, nil
  local asked, why = socket:connect(host, tonumber(port), function(error)
    done, failure = true, error
  end)
  if asked then wait(function() return done end, 1000) end
  close(socket)
  if not asked or failure then error(failure or why, 0) end
end

function attacks.kill(pid) must(uv.kill(tonumber(pid), 0)) end

function attacks.spawn(arguments)
  local words = {}
  for n, each in ipairs(arguments) do words[n] = "'" .. each:gsub("'", "'\\''") .. "'" end
  local program = must(io.popen(table.concat(words, ' ') .. ' 2>&1'))
  local text = program:read('*a')
  program:close()
  return text
end

function attacks.environment()
  local lines = {}
  for name, value in pairs(uv.os_environ()) do lines[#lines + 1] = name .. '=' .. value end
  return table.concat(lines, '\n')
end

function attacks.tasks(count)
  local started, why = {}, nil
  for _ = 1, tonumber(count) do
    local thread
    thread, why = uv.new_thread(function() require('luv').sleep(5000) end)
    if not thread then break end
    started[#started + 1] = thread
  end
  for _, thread in ipairs(started) do thread:join() end
  if why then error(why, 0) end
end

function attacks.memory(mib)
  local kept = {}
  for n = 1, tonumber(mib) do kept[n] = (("%08d"):format(n)):rep(131072) end  -- each another: LuaJIT keeps equal ones once
end

function attacks.print(lines)
  for _ = 1, tonumber(lines) do print(('x'):rep(999)) end
end

function attacks.reply(mib) return ('x'):rep(tonumber(mib) * 1048576) end

function attacks.spin()
  while true do end
end

return function(input)
  local good, detail = pcall(attacks[input.attack], input.arguments or input.argument)
  if good then return {outcome = 'allowed', detail = detail} end
  return {outcome = tostring(detail)}
end
