# A hostile function: does what `attack` says by the means of this language, and answers what came of it.
require 'open3'
require 'socket'

ATTACKS = {
  'read' => ->(path) { File.open(path, 'rb') { |file| file.read(1) }; nil },
  'write' => ->(path) { File.open(path, 'ab') {}; nil },
  'tcp' => ->(address) { host, _, port = address.rpartition(':'); Socket.tcp(host, port.to_i, connect_timeout: 1).close },
  'kill' => ->(pid) { Process.kill(0, pid.to_i) },
  'spawn' => ->(arguments) { Open3.capture2e(*arguments).first },
  'environment' => ->(_) { ENV.map { |name, value| "#{name}=#{value}" }.join("\n") },
  'tasks' => lambda { |count|
    started = []
    begin
      count.to_i.times { started << Thread.new { sleep } }
    ensure
      started.each(&:kill)
    end
    nil
  },
  'memory' => ->(mib) { (1..mib.to_i).map { 'x' * (1 << 20) }; nil },
  'print' => ->(lines) { lines.to_i.times { puts 'x' * 999 } && nil },
  'reply' => ->(mib) { 'x' * (mib.to_i << 20) },
  'spin' => ->(_) { loop {} },
}.freeze

def handler(input, _ctx)
  { outcome: 'allowed', detail: ATTACKS.fetch(input['attack']).call(input['arguments'] || input['argument'] || '') }
rescue SystemCallError, ThreadError, NoMemoryError => error
  { outcome: "#{error.class}: #{error.message}" }
end
