# frozen_string_literal: true

# The Ruby zygote: an interpreter with the standard library warm that forks workers when the host's launcher asks (docs/formats/frame.md).
#
# There are two kinds. The runtime's zygote has no user code. A function's zygote is a fork of it that was given a LOAD: its forks are workers that
# have loaded already. To fork takes most of a millisecond, so one fork is made ahead: it is parked, and becomes the next child by being handed the
# request.
require "fiddle"
require "socket"
require_relative "program"

module Trivet
  # What functions use most. Nothing here starts a thread or opens a file.
  WARM = %w[rubygems error_highlight did_you_mean syntax_suggest/core_ext base64 benchmark bigdecimal cgi cgi/escape csv date delegate digest digest/sha2
            English erb fileutils find forwardable io/console io/wait ipaddr json logger monitor net/http open3 open-uri openssl optparse ostruct pathname
            pp securerandom set shellwords singleton socket stringio strscan tempfile time timeout tmpdir tsort uri yaml zlib].freeze

  # The calls of the system that Ruby has no method for.
  module System
    PR_SET_PDEATHSIG = 1
    INT, LONG, POINTER = Fiddle::TYPE_INT, Fiddle::TYPE_LONG, Fiddle::TYPE_VOIDP
    CALLS = { prctl: [INT, LONG, LONG, LONG, LONG], dup2: [INT, INT], wait4: [INT, POINTER, INT, POINTER] }
            .to_h { |name, types| [name, Fiddle::Function.new(Fiddle::Handle::DEFAULT[name.to_s], types, INT)] }

    module_function

    def die_with(parent)
      CALLS[:prctl].call(PR_SET_PDEATHSIG, Signal.list["KILL"], 0, 0, 0)
      exit!(1) if Process.ppid != parent
    end

    def dup2(from, to) = CALLS[:dup2].call(from, to)

    # Waits for a child: `code signal user_us system_us max_rss_kib`.
    def reap(pid)
      status, usage = Fiddle::Pointer.malloc(4, Fiddle::RUBY_FREE), Fiddle::Pointer.malloc(256, Fiddle::RUBY_FREE)
      return "-1 9 0 0 0" if CALLS[:wait4].call(pid, status, 0, usage) != pid

      status = status[0, 4].unpack1("i")
      user, user_us, system, system_us, rss = usage[0, 40].unpack("q5")
      signal = status & 127
      "#{signal.zero? ? status >> 8 & 255 : -1} #{signal} #{user * 1_000_000 + user_us} #{system * 1_000_000 + system_us} #{rss}"
    end
  end

  # Where the environment that /proc shows keeps our cookie: each fork writes its own there.
  class Cookie
    NAME = "TRIVET_WORKER"

    def initialize
      @offset = File.binread("/proc/self/environ").index("#{NAME}=")
      stat = File.binread("/proc/self/stat")
      @start = stat[stat.rindex(")")..].split[48].to_i # env_start, field 50
    end

    def write(text)
      name, value = text.split("=", 2)
      ENV[name] = value
      Fiddle::Pointer.new(@start + @offset)[0, text.bytesize] = text if @offset && @start.positive?
    end
  end

  class Zygote
    FORK, REAP, FORKED, REAPED = 7, 10, 72, 73
    CONTROL = 5

    def initialize(worker)
      @worker = worker
      @is_loaded = false
      @parked = nil # [pid, the socket that it waits on]
      @may_park = true
      @control = Socket.for_fd(CONTROL)
      @control.close_on_exec = true
      @cookie = Cookie.new
      WARM.each do |name|
        require name
      rescue LoadError # an optional part of the standard library, or one of another version
        nil
      end
      Ending.prepare
      Trivet.settle
    end

    # Forks until the end of the input. Returns only in a fork that is a worker.
    def serve
      @worker.hello
      loop do
        ready, = IO.select([@worker.frames.input, @control], nil, nil, @may_park && !@parked ? 0 : nil)
        if ready.nil?
          return if park
        elsif ready.include?(@worker.frames.input)
          on_frame
        elsif on_control
          return
        end
      end
    end

    private

    def on_frame
      kind, _, _, meta, = @worker.frames.read
      exit!(0) if kind.nil? || kind == DRAIN
      load(meta) if kind == LOAD
    end

    def load(meta)
      before = Open.files
      @worker.load(meta) { Open.unsafe(before) }
      @is_loaded = @may_park = true
      Trivet.settle
    end

    # One request. True in the child that is a worker.
    def on_control
      packet, fds = receive(@control)
      exit!(0) if packet.empty? # the launcher is gone
      _, kind, _, _, ticket, = packet.unpack(HEADER)
      body = packet.byteslice(16, packet.bytesize)
      case kind
      when REAP then answer(REAPED, ticket, System.reap(body.to_i))
      when FORK then return fork_worker(ticket, body, fds)
      end
      false
    end

    def receive(socket)
      packet, _, _, *controls = socket.recvmsg(4096, scm_rights: true)
      [packet || "", controls.flat_map { |control| control.unix_rights || [] }]
    end

    def fork_worker(ticket, body, fds)
      @worker.flush
      pid = hand_over(body, fds)
      unless pid
        parent = Process.pid
        pid = begin
          Process.fork
        rescue SystemCallError => error
          error.message
        end
        if pid.nil?
          System.die_with(parent)
          return begin_as(body, fds)
        end
      end
      answer(FORKED, ticket, pid.to_s)
      fds.each(&:close)
      false
    end

    # Lets the parked fork be what is asked for: its pid, or nil without one.
    def hand_over(body, fds)
      return unless @parked

      (pid, other), @parked = @parked, nil
      other.sendmsg(body, 0, nil, Socket::AncillaryData.unix_rights(*fds))
      pid
    rescue SystemCallError # something has ended it
      System.reap(pid)
      nil
    ensure
      other&.close
    end

    # Makes a fork ahead. True in it, once it is a worker.
    def park
      @worker.flush
      parent = Process.pid
      ours, theirs = Socket.pair(:UNIX, :SEQPACKET, 0)
      pid = begin
        Process.fork
      rescue SystemCallError # asked to fork, we say why not
        @may_park = false
        ours.close
        return false
      end
      if pid
        @parked = [pid, ours]
        return false
      end
      System.die_with(parent)
      ours.close
      # The zygote's own descriptors: whoever reads them must see its end.
      File.open(File::NULL, File::RDWR) { |null| (0..CONTROL).each { |fd| System.dup2(null.fileno, fd) } }
      @worker.rehearse
      body, fds = receive(theirs)
      exit!(0) if body.empty?
      begin_as(body, fds)
    ensure
      theirs&.close
    end

    def answer(kind, ticket, text)
      @control.sendmsg([12 + text.bytesize, kind, 0, 0, ticket, 0, text].pack("NCCnNNa*"))
    rescue SystemCallError
      exit!(0) # the launcher is gone
    end

    # In the child: becomes a worker, or a zygote of its own.
    def begin_as(body, fds)
      role, cookie = body.split(" ", 2)
      Process.setsid
      fds.each_with_index { |io, fd| System.dup2(io.fileno, fd) }
      fds.each(&:close)
      [3, 4, CONTROL].each { |fd| IO.for_fd(fd, autoclose: false).close_on_exec = true if fd < fds.size }
      @cookie.write(cookie)
      Program.after { @cookie.write(cookie) } # the name of a program may have gone over it
      @worker.frames.forget
      is_worker = role != "zygote"
      @worker.hello(is_ready: @is_loaded && is_worker)
      if is_worker
        @control.close
      else
        @parked = nil
        @may_park = @is_loaded
      end
      is_worker
    end
  end

  # What is open, and whether a fork may have it.
  module Open
    module_function

    # Number and target of each descriptor, without the one that lists them.
    def files
      Dir.children("/proc/self/fd").to_h do |fd|
        [fd.to_i, File.readlink("/proc/self/fd/#{fd}")]
      rescue SystemCallError
        [fd.to_i, nil]
      end.compact
    end

    # Why what was loaded must not be forked, or nothing.
    def unsafe(before)
      threads = [Thread.list.size, Dir.children("/proc/self/task").size].max
      return "it runs #{threads} threads once it is loaded" if threads > 1

      _, place = files.sort.find { |fd, target| before[fd] != target && !["/dev/null", "/dev/urandom"].include?(target) }
      place ? "it holds #{place} open once it is loaded" : ""
    end
  end

  # What is here now is old: the collector of a fork leaves its pages alone, and they stay shared.
  def self.settle
    4.times { GC.start }
    Process.warmup if Process.respond_to?(:warmup)
  end
end
