# frozen_string_literal: true

# The frame (docs/formats/frame.md) on fd 3 and 4, and what a call is told and tells through it.
require "io/wait"
require "json"

module Trivet
  LOAD, CALL, CHUNK, CANCEL, PING, ANSWER, DRAIN, CREDIT = 1, 2, 3, 4, 5, 6, 8, 9
  HELLO, READY, REPLY, ERROR, LOG, PONG, ASK = 65, 66, 67, 68, 69, 70, 71
  MORE = 1
  CHUNK_SIZE = 65_536
  META_MAX = 1 << 20
  TEXT_MAX = 65_536 # characters of a message or a stack
  HEADER = "NCCnNN"
  HERE = "#{__dir__}/"

  # An ERROR frame: a code and a sentence. Not a StandardError: a bare `rescue` of user code lets it through.
  class Failure < Exception # rubocop:disable Lint/InheritException
    attr_reader :code

    def initialize(code, message)
      super(message)
      @code = code
    end
  end

  # Reads whole frames from fd 3 and writes them to fd 4.
  class Frames
    def initialize
      @input, @output = [[3, "rb"], [4, "wb"]].map { |fd, mode| IO.for_fd(fd, mode, autoclose: false) }
      [@input, @output].each { |io| io.close_on_exec = true }
      @lock = Mutex.new # threads of user code log too
      forget
    end

    attr_reader :input

    # Drops what was read: a fork reads from another pipe.
    def forget
      @buffer, @piece = String.new(capacity: CHUNK_SIZE), String.new(capacity: CHUNK_SIZE)
    end

    def close
      [@input, @output].each { |io| IO.for_fd(io.fileno).close }
    end

    # [type, flags, call, meta, body], or nil at the end of the input.
    def read
      while @buffer.bytesize < 16
        @buffer << @input.sysread(CHUNK_SIZE, @piece)
      end
      length, kind, flags, _, call, meta_length = @buffer.unpack(HEADER)
      last = length + 4
      fill(last) if @buffer.bytesize < last
      meta = @buffer.byteslice(16, meta_length)
      body = @buffer.byteslice(16 + meta_length, length - 12 - meta_length)
      if @buffer.bytesize == last && last <= CHUNK_SIZE
        @buffer.clear
      else
        @buffer = @buffer.byteslice(last, @buffer.bytesize)
      end
      [kind, flags, call, meta, body]
    rescue EOFError
      nil
    end

    # Waits until `read` has something to begin with.
    def wait
      @input.wait_readable if @buffer.bytesize < 16
    end

    def write(kind, call, meta = "", body = "", flags = 0)
      data = [12 + meta.bytesize + body.bytesize, kind, flags, 0, call, meta.bytesize, meta, body].pack("NCCnNNa*a*")
      @lock.synchronize do
        sent = @output.syswrite(data)
        sent += @output.syswrite(data.byteslice(sent, data.bytesize)) while sent < data.bytesize
      end
    end

    # Several frames in one write.
    def write_bytes(data)
      @output.syswrite(data)
    end

    def self.frame(kind, call, meta = "", body = "")
      [12 + meta.bytesize + body.bytesize, kind, 0, 0, call, meta.bytesize, meta, body].pack("NCCnNNa*a*")
    end

    private

    def fill(size)
      while @buffer.bytesize < size
        @buffer << @input.sysread((size - @buffer.bytesize).clamp(CHUNK_SIZE, 1 << 20), @piece)
      end
    end
  end

  # Text that fits into meta, whatever bytes user code put into it.
  def self.text(value, most = TEXT_MAX)
    text = value.to_s
    text = text.encoding == Encoding::UTF_8 ? text : text.encode("UTF-8", invalid: :replace, undef: :replace, replace: "?")
    text = text.dup.force_encoding("UTF-8").scrub("?") unless text.valid_encoding?
    text.length > most ? text[0, most] : text
  rescue EncodingError # an encoding that UTF-8 knows nothing of
    value.to_s.b.force_encoding("UTF-8").scrub("?")[0, most]
  end

  # ctx.log: lines that carry a level and fields, `ctx.log.info("sold", item: 7)`.
  class Log
    def initialize(frames, call)
      @frames, @call = frames, call
    end

    %w[debug info warn error].each do |level|
      define_method(level) { |message, fields = nil| write(level, message, fields) }
    end

    private

    def write(level, message, fields)
      meta = meta_of(level, fields)
      body = Trivet.text(message)
      Thread.handle_interrupt(Object => :never) { @frames.write(LOG, @call, meta, body) } # no half frame, when a timeout strikes
      nil
    end

    def meta_of(level, fields)
      return %({"level":"#{level}"}) unless fields && !fields.empty?

      meta = JSON.generate({ level: level, fields: fields })
      meta.bytesize > META_MAX ? JSON.generate({ level: level, fields: { text: "#{meta.bytesize} bytes, too many" } }) : meta
    rescue StandardError, SystemStackError # a number that JSON has not, a circle, bytes that are no text
      JSON.generate({ level: level, fields: { text: Trivet.text(fields.inspect) } })
    end
  end

  # What a json handler is told besides its input. The facts are parsed when they are asked for.
  class Context
    attr_reader :function, :env

    def initialize(worker, call, meta)
      @worker, @call, @meta = worker, call, meta
      @function, @env = worker.function, worker.env
    end

    def call_id = fact("id")
    def auth = fact("auth")
    def deadline = fact("deadline_ms")
    def log = Log.new(@worker.frames, @call)
    def sdk = Sdk.new(@worker.asks, @call)
    def inspect = "#<Trivet::Context #{function} #{call_id}>"

    private

    def fact(key)
      @facts ||= @meta.empty? ? {} : JSON.parse(@meta)
      @facts[key]
    end
  end

  # How errors are told.
  module Errors
    module_function

    # ERROR's meta of an exception.
    def meta(error, code = "FUNCTION_ERROR")
      return JSON.generate({ code: error.code, message: Trivet.text(message(error)) }) if error.is_a?(Failure)

      code = "LOOP_DETECTED" if error.is_a?(CallError) && error.code == "LOOP_DETECTED" # its caller must know
      JSON.generate({ code: code, message: Trivet.text(message(error)), type: Trivet.text(error.class), stack: Trivet.text(stack(error)) })
    end

    def message(error)
      told = (error.is_a?(CallError) ? error : error.message).to_s
      told.empty? ? error.class.to_s : told
    rescue Exception # its own `message` fails
      error.class.to_s
    end

    # As Ruby prints it, without the lines of the shim.
    def stack(error, depth = 0)
      lines = trimmed(error).map { |line| Trivet.text(line) }
      told = "#{"#{lines.shift}: " unless lines.empty?}#{Trivet.text(message(error))} (#{error.class})"
      told = [told, *lines.map { |line| "\tfrom #{line}" }].join("\n")
      return told unless error.cause && depth < 8

      "#{told}\nCaused by: #{stack(error.cause, depth + 1)}"
    end

    def trimmed(error)
      (error.backtrace || []).reject { |line| line.start_with?(HERE, "<internal:") }
    end
  end
end
