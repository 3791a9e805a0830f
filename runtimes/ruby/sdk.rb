# frozen_string_literal: true

# ctx.sdk: calls of other functions, over ASK and ANSWER (docs/formats/frame.md). Calls run one at a time in a worker, so whoever waits for an
# ANSWER is the one that reads frames.
module Trivet
  # A call of another function failed. `details` is all that is known about it; `status` and `body` are those of an answer that refused.
  class CallError < StandardError
    attr_reader :code, :function, :status, :details, :body

    def initialize(error, body = "")
      @code, @function, @status, @details, @body = error["code"], error["function"], error["status"], error, body
      @told = error["message"]
      # A loop is told as it is by each function that it passes through.
      super(@code == "LOOP_DETECTED" ? @told : "#{@function}: #{@code}: #{@told}")
    end

    # The host's sentence alone; `to_s` names the function and the code too.
    def message = @told
  end

  # What a worker has asked its host for.
  class Asks
    attr_accessor :current # the call that runs

    def initialize(worker)
      @worker, @frames = worker, worker.frames
      @number = @current = @cancelled = 0
      @answers = {} # by number: nil until it has come
    end

    def send(call, function, input, timeout)
      unless Thread.current == Thread.main
        raise ThreadError, "ctx.sdk belongs to the thread that the handler runs on; for several calls at once use ctx.sdk.call_async"
      end

      body = @worker.json(input)
      wish = { "ask" => @number + 1, "service" => "call", "function" => Trivet.text(function) }
      wish["timeout_ms"] = [0, (timeout * 1000).round].max if timeout
      meta = JSON.generate(wish)
      refuse("CANCELLED", "the call has ended", function) if call != @current
      raise Failure.new("CANCELLED", "the call was cancelled") if call == @cancelled

      if 12 + meta.bytesize + body.bytesize > @worker.most || meta.bytesize > META_MAX
        refuse("PAYLOAD_TOO_LARGE", "the input has #{body.bytesize} bytes, more than limits.payload of its caller allows", function)
      end
      @worker.flush
      @answers[@number += 1] = nil
      Thread.handle_interrupt(Object => :never) { @frames.write(ASK, call, meta, body) }
      @number
    end

    # What the call gave. A timeout that user code has set strikes while nothing is there to read, never within a frame.
    def wait(number)
      refuse("CANCELLED", "the call has ended", "") unless @answers.key?(number)
      until @answers[number]
        raise Failure.new("CANCELLED", "the call was cancelled") if @cancelled == @current

        @frames.wait
        Thread.handle_interrupt(Object => :never) { take(@frames.read) }
      end
      value(*@answers[number])
    ensure
      @answers.delete(number)
    end

    def answered(meta, body)
      answer = JSON.parse(meta)
      number = answer["ask"]
      @answers[number] = [answer, body] if @answers.key?(number) # else its call has ended
    end

    # The call is over: nobody waits for what it has asked.
    def settle
      @answers.clear unless @answers.empty?
    end

    private

    def take(frame)
      exit(0) unless frame
      kind, _, call, meta, body = frame
      if kind == CANCEL
        @cancelled = call if call == @current
      else
        @worker.between(kind, call, meta, body)
      end
    end

    def refuse(code, message, function)
      raise CallError.new({ "code" => code, "message" => message, "function" => function.to_s })
    end

    def value(answer, body)
      raise CallError.new(answer["error"], body) unless answer["ok"]

      kind = (answer["type"] || "application/json").downcase
      return body unless kind.start_with?("application/json", "application/x-ndjson", "text/")

      body.force_encoding("UTF-8")
      if kind.start_with?("application/json")
        body.empty? ? nil : JSON.parse(body)
      elsif kind.start_with?("text/")
        body.scrub("?")
      else
        body.each_line.map(&:chomp).reject(&:empty?).map { |line| JSON.parse(line) }
      end
    end
  end

  # A call that was made and not waited for yet.
  class Pending
    def initialize(asks, number)
      @asks, @number = asks, number
    end

    # What the function returned, or its CallError; asked again, the same.
    def value
      @got ||= begin
        [@asks.wait(@number), nil]
      rescue CallError => error
        [nil, error]
      end
      @got[1] ? raise(@got[1]) : @got[0]
    end
  end

  class Sdk
    Error = CallError

    def initialize(asks, call)
      @asks, @call = asks, call
    end

    # What `function` returns for `input`; `timeout` is in seconds. Trivet::CallError says why it failed.
    def call(function, input = nil, timeout: nil)
      @asks.wait(@asks.send(@call, function, input, timeout))
    end

    # The same without waiting: `value` of what it returns waits. Several may be under way at once.
    def call_async(function, input = nil, timeout: nil)
      Pending.new(@asks, @asks.send(@call, function, input, timeout))
    end
  end
end
