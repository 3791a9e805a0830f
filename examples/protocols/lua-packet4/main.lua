#!/usr/bin/lua5.4
-- A worker that speaks packet4: four bytes of big-endian length, then JSON.
local json = require("cjson")

local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end  -- slow on purpose

local function sum(numbers)
  local total = 0
  for _, number in ipairs(numbers) do total = total + number end
  return total
end

local functions = {
  add = function(...) return sum({ ... }) end,
  reverse = function(text)
    local letters = {}
    for _, letter in utf8.codes(text) do table.insert(letters, 1, utf8.char(letter)) end
    return table.concat(letters)
  end,
  fibonacci = fib,
  batch_sum = function(batches)
    local sums = {}
    for i, batch in ipairs(batches) do sums[i] = sum(batch) end
    return sums
  end,
  echo = function(value) return value end,
}

local function answer(call)
  local reply = { id = call.id }
  local f = functions[call["function"]]
  if not f then
    reply.error = { code = "NO_SUCH_FUNCTION", message = "there is no function " .. call["function"] }
    return reply
  end
  local ok, result = pcall(f, table.unpack(call.args))
  if ok then reply.result = result else reply.error = { message = result } end
  return reply
end

io.stdout:setvbuf("full")
while true do
  local head = io.read(4)
  if not head then break end
  local message = json.encode(answer(json.decode(io.read((string.unpack(">I4", head))))))
  io.write(string.pack(">I4", #message), message)
  io.flush()
end
