#!/usr/bin/ruby
# A worker that speaks msgpack: four bytes of big-endian length, then a MessagePack map.
require "msgpack"

def fib(n) = n < 2 ? n : fib(n - 1) + fib(n - 2)  # slow on purpose

FUNCTIONS = {
  "add" => ->(*numbers) { numbers.sum },
  "reverse" => ->(text) { text.reverse },
  "fibonacci" => ->(n) { fib(n) },
  "batch_sum" => ->(batches) { batches.map(&:sum) },
  "echo" => ->(value) { value }
}.freeze

def answer(call)
  function = FUNCTIONS[call["function"]]
  return { "error" => { "code" => "NO_SUCH_FUNCTION", "message" => "there is no function #{call["function"]}" } } unless function

  { "result" => function.call(*call["args"]) }
rescue StandardError => e
  { "error" => { "type" => e.class.name, "message" => e.message, "stack" => e.backtrace.join("\n") } }
end

$stdin.binmode
$stdout.binmode
$stdout.sync = true
while (head = $stdin.read(4))
  call = MessagePack.unpack($stdin.read(head.unpack1("N")))
  message = MessagePack.pack({ "id" => call["id"] }.merge(answer(call)))
  $stdout.write([message.bytesize].pack("N") + message)
end
