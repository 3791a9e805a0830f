# frozen_string_literal: true

# The shim of the Ruby runtime: speaks the frame (docs/formats/frame.md) on fd 3 and 4, loads user code, calls it. One call at a time, in a
# synchronous read loop: that is the fastest shape.
require_relative "frames"
require_relative "sdk"
require_relative "context"
require_relative "handlers"

module Trivet
  class Worker
    attr_reader :frames, :asks, :function, :env, :most

    def initialize
      Encoding.default_external = Encoding::UTF_8
      @frames = Frames.new
      @asks = Asks.new(self)
      @credit = 0
      @draining = false
      @hello = Frames.frame(HELLO, 0, JSON.generate({ protocol: 1, runtime: "ruby", version: RUBY_VERSION, concurrency: 1, features: ["stream"] }))
    end

    # HELLO, and READY with it where nothing has to be loaded any more.
    def hello(is_ready: false)
      @frames.write_bytes(is_ready ? @hello + Frames.frame(READY, 0) : @hello)
    end

    # What a call does, without one: a fork that waits has then touched the pages that it will write to.
    def rehearse
      Context.new(self, 0, "{}").deadline
      Frames.frame(REPLY, 0, "", json(parse(+'{"a":[1,"b",2.5,null]}')))
    end

    # Until DRAIN, or the end of the input. A path is that of a program which the process is to become.
    def run
      until @draining || @program
        kind, flags, call, meta, body = @frames.read
        case kind
        when CALL then call(call, meta, body, flags)
        when LOAD then load(meta)
        when nil then break
        else between(kind, call, meta, body)
        end
      end
      @program
    end

    # A frame that is not about a new call.
    def between(kind, _call, meta, body)
      case kind
      when PING then @frames.write(PONG, 0, "", body)
      when DRAIN then @draining = true
      when CREDIT then @credit += JSON.parse(meta)["bytes"]
      when ANSWER then @asks.answered(meta, body)
      end
    end

    # Loads the function. The block tells why it must not be forked, once it is loaded.
    def load(meta)
      plan = JSON.parse(meta)
      Dir.chdir(plan["dir"])
      ENV.update(plan["env"])
      return @program = plan["entrypoint"] if plan["interface"] == "stdio"

      @function, @env, @window, @most = plan.values_at("function", "env", "credit", "max_frame")
      @answer = { "context" => :answer_context, "module" => :answer_module, "rack" => :answer_rack }.fetch(plan["interface"], :answer_json)
      @handler = Handlers.of(plan)
      flush
      unsafe = block_given? ? yield : ""
      @frames.write(READY, 0, unsafe.empty? ? "" : JSON.generate({ unsafe: Trivet.text(unsafe) }))
    rescue SystemExit, SignalException
      raise
    rescue Exception => error # whatever user code does while it is loaded
      flush
      @frames.write(ERROR, 0, Errors.meta(error, "LOAD_FAILED"))
      exit(1)
    end

    # What user code has printed, before the frame that follows it.
    def flush
      $stdout.flush
      STDOUT.flush unless $stdout.equal?(STDOUT)
    rescue StandardError # closed, or replaced by what cannot be flushed
      nil
    end

    # The JSON of what user code gave, or INVALID_OUTPUT. The library writes what it does not know as "#<Proc:0x...>": nobody wants that.
    def json(value)
      text = JSON.generate(value)
      refuse_unknown(value) if text.include?('"#<')
      text
    rescue SystemStackError, StandardError => error # a circle, a number that JSON has not, bytes that are no text
      raise Failure.new("INVALID_OUTPUT", "the value cannot be written as JSON: #{Trivet.text(error.message)}")
    end

    private

    def refuse_unknown(value)
      case value
      when Hash then value.each_value { |each| refuse_unknown(each) }
      when Array then value.each { |each| refuse_unknown(each) }
      when String, Symbol then nil
      else raise ArgumentError, "a #{value.class} has no JSON form" if value.to_json.start_with?('"#<')
      end
    end

    # A call's body that comes in pieces, whole.
    def rest_of(call, first)
      whole = first
      loop do
        kind, flags, of, meta, body = @frames.read
        exit(0) unless kind
        raise Failure.new("CANCELLED", "the call was cancelled before its body was whole") if kind == CANCEL && of == call

        if kind != CHUNK || of != call
          between(kind, of, meta, body)
          next
        end
        whole << body
        return whole if flags & MORE == 0

        @frames.write(CREDIT, call, %({"bytes":#{body.bytesize}}))
      end
    end

    def call(call, meta, body, flags)
      @asks.current = call
      body = rest_of(call, body) if flags & MORE != 0
      __send__(@answer, call, meta, body)
    rescue SystemExit, SignalException
      flush
      raise
    rescue Exception => error # whatever user code does
      flush
      @frames.write(ERROR, call, Errors.meta(error))
    ensure
      @asks.settle
    end

    def reply(call, head, body)
      size = head.bytesize + body.bytesize
      if 12 + size > @most || head.bytesize > META_MAX
        raise Failure.new("INVALID_OUTPUT", "the reply has #{size} bytes, more than limits.payload allows: return less, or stream it")
      end

      flush
      @frames.write(REPLY, call, head, body)
    end

    def parse(body)
      return nil if body.empty?

      raise JSON::ParserError, "it is not UTF-8" unless body.force_encoding(Encoding::UTF_8).valid_encoding?

      JSON.parse(body)
    rescue JSON::ParserError => error
      raise Failure.new("INVALID_INPUT", "the input is not JSON: #{Trivet.text(error.message, 200)}")
    end

    def answer_json(call, meta, body)
      output = @handler.call(parse(body), Context.new(self, call, meta))
      return reply(call, "", json(output)) unless output.is_a?(Enumerator)

      stream(call, '{"headers":[["content-type","application/x-ndjson"]]}') do |send|
        output.each { |value| send.call(value.is_a?(String) && value.encoding == Encoding::BINARY ? value : "#{json(value)}\n") }
      end
    end

    def answer_module(call, meta, body)
      output = @handler.call(JSON.parse(meta), body.empty? ? [] : parse(body))
      reply(call, "", json(output.is_a?(Enumerator) ? output.to_a : output))
    end

    def answer_context(call, meta, body)
      context = HttpContext.new(JSON.parse(meta), body, Log.new(@frames, call), Sdk.new(@asks, call))
      head, payload = Responder.finished(@handler.call(context))
      return reply(call, head, payload) if payload.is_a?(String)

      stream(call, head) { |send| payload.each { |piece| send.call(piece.to_s) } }
    end

    def answer_rack(call, meta, body)
      head, payload = @handler.call(JSON.parse(meta), body, call, self)
      return reply(call, head, payload) if payload.is_a?(String)

      stream(call, head, &payload)
    end

    # Gives the block what sends a piece: it waits until the host has room for it.
    def stream(call, head)
      flush
      @frames.write(REPLY, call, head, "", MORE)
      @credit = @window
      yield(lambda do |piece|
        (0...piece.bytesize).step(CHUNK_SIZE) { |at| send_chunk(call, piece.bytesize > CHUNK_SIZE ? piece.byteslice(at, CHUNK_SIZE) : piece) }
      end)
      @frames.write(CHUNK, call)
    end

    def send_chunk(call, part)
      while @credit < part.bytesize
        kind, _, of, meta, body = @frames.read
        exit(0) unless kind
        raise Failure.new("CANCELLED", "the stream was cancelled") if kind == CANCEL && of == call

        between(kind, of, meta, body)
      end
      @credit -= part.bytesize
      flush
      @frames.write(CHUNK, call, "", part, MORE)
    end
  end
end

worker = Trivet::Worker.new
if ENV.delete("TRIVET_ZYGOTE")
  require_relative "zygote"
  Trivet::Zygote.new(worker).serve
else
  require_relative "gems"
  worker.hello
end
program = worker.run
Trivet::Program.run(program, worker) if program
