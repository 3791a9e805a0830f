require 'securerandom'
require 'socket'
require 'tmpdir'

Dir.mktmpdir do |folder|
  File.write("#{folder}/file", 'x' * 10_000)
  File.open("#{folder}/file") { |file| file.flock(File::LOCK_SH) }
  [TCPServer.new('127.0.0.1', 0), UNIXServer.new("#{folder}/s")].each do |server|
    thread = Thread.new { server.accept.tap { |client| client.puts('hello') }.close }
    client = server.is_a?(TCPServer) ? TCPSocket.new('127.0.0.1', server.addr[1]) : UNIXSocket.new("#{folder}/s")
    raise 'echo' unless client.gets == "hello\n"
    thread.join
  end
end
raise 'child' unless `echo out | cat` == "out\n"
pid = fork { exit!(3) }
Process.wait(pid)
raise 'fork' unless $?.exitstatus == 3
Addrinfo.getaddrinfo('localhost', 80)
SecureRandom.bytes(16)
Process.groups
Process::Sys.getegid
raise 'interfaces' if ARGV.include?('--interfaces') && Socket.getifaddrs.empty?
puts 'fine'
