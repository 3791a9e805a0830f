#!/usr/bin/ruby
# A worker that speaks ndjson: one JSON object a line. It takes one call at a time, so it may leave the id out.
require "json"

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
  return { error: { code: "NO_SUCH_FUNCTION", message: "there is no function #{call["function"]}" } } unless function

  { result: function.call(*call["args"]) }
rescue StandardError => e
  { error: { type: e.class.name, message: e.message, stack: e.backtrace.join("\n") } }
end

$stdout.sync = true
$stdin.each_line { |line| $stdout.write(JSON.generate(answer(JSON.parse(line))), "\n") }
