local name = os.tmpname()
local out = assert(io.open(name, "w"))
out:write(("x"):rep(10000))
out:close()
assert(#assert(io.open(name)):read("*a") == 10000)
os.remove(name)
assert(io.popen("echo out | cat"):read("*a") == "out\n")
local sum = 0
for i = 1, 1000000 do sum = sum + i % 7 end
assert(sum > 0 and os.time() and os.clock())
print("fine")
