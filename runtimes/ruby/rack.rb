# frozen_string_literal: true

# The `rack` interface: a config.ru, or a file with an application `App`, gets an environment and answers [status, headers, body] (SPEC of Rack 2 and 3).
require "stringio"

module Trivet
  class Rack
    DROPPED = %w[content-length transfer-encoding connection].freeze # the host writes them
    AT_ONCE = 1 << 20 # bytes of one reply; longer ones are streamed, unless the application said how long they are

    def initialize(path, name)
      raise Failure.new("LOAD_FAILED", "there is no file #{File.basename(path)}") unless File.file?(path)

      @app = path.end_with?(".ru") ? built(path) : named(path, name)
    end

    # REPLY's meta, and the body: a String, or what gives its pieces to a block.
    def call(facts, body, call, worker)
      status, headers, answer = @app.call(environment(facts, body, call, worker))
      head = JSON.generate({ status: status.to_i, headers: pairs(headers) })
      return [head, stream_of(answer)] unless answer.respond_to?(:to_ary)

      whole = answer.to_ary.each_with_object(String.new(encoding: "BINARY")) { |piece, all| all << piece.b }
      [head, whole.bytesize <= AT_ONCE || told?(headers, whole) ? whole : pieces_of(whole)]
    ensure
      answer.close if answer.respond_to?(:to_ary) && answer.respond_to?(:close)
    end

    private

    def built(path)
      require "rack"
      Array(::Rack::Builder.parse_file(path)).first
    end

    def named(path, name)
      Handlers.run_file(path)
      names = name.empty? ? %w[App app] : [name]
      names.filter_map { |each| Handlers.find(each) }.first ||
        raise(Failure.new("LOAD_FAILED", "#{File.basename(path)} has no application #{names.join(" or ")}"))
    end

    def environment(facts, body, call, worker)
      secure = facts["scheme"] == "https"
      host, _, port = facts["host"].partition(":")
      env = { "REQUEST_METHOD" => facts["method"], "SCRIPT_NAME" => "", "PATH_INFO" => facts["path"], "QUERY_STRING" => facts["query"],
              "SERVER_NAME" => host.empty? ? "localhost" : host, "SERVER_PORT" => port.empty? ? (secure ? "443" : "80") : port,
              "SERVER_PROTOCOL" => "HTTP/1.1", "rack.version" => [1, 6], "rack.url_scheme" => facts["scheme"], "rack.input" => StringIO.new(body.b),
              "rack.errors" => $stderr, "rack.multithread" => false, "rack.multiprocess" => true, "rack.run_once" => false, "rack.hijack?" => false,
              "trivet.context" => Context.new(worker, call, JSON.generate(facts)), "CONTENT_LENGTH" => body.bytesize.to_s }
      address, _, port = facts.fetch("client", "").rpartition(":")
      env.update("REMOTE_ADDR" => address.delete("[]"), "REMOTE_PORT" => port) unless address.empty?
      facts["headers"].each { |name, value| add(env, name, value) }
      env
    end

    def add(env, name, value)
      return if name == "content-length" || name.start_with?(HIDDEN)

      key = name == "content-type" ? "CONTENT_TYPE" : "HTTP_#{name.upcase.tr("-", "_")}"
      env[key] = env.key?(key) ? "#{env[key]}#{name == "cookie" ? "; " : ", "}#{value}" : value
    end

    # A header of several values has them in lines (Rack 2) or in a list (Rack 3).
    def pairs(headers)
      headers.to_h.flat_map do |name, value|
        name = name.to_s.downcase
        next [] if DROPPED.include?(name) || name.start_with?("rack.")

        Array(value.is_a?(String) ? value.split("\n") : value).map { |each| [Trivet.text(name), Trivet.text(each)] }
      end
    end

    def told?(headers, whole) = headers.to_h.any? { |name, value| name.to_s.downcase == "content-length" && value.to_s == whole.bytesize.to_s }

    def pieces_of(whole)
      ->(send) { (0...whole.bytesize).step(65_536) { |at| send.call(whole.byteslice(at, 65_536)) } }
    end

    def stream_of(answer)
      lambda do |send|
        answer.respond_to?(:each) ? answer.each { |piece| send.call(piece.b) } : answer.call(Stream.new(send))
      ensure
        answer.close if answer.respond_to?(:close)
      end
    end

    # What a body that is called writes to.
    class Stream
      def initialize(send)
        @send, @closed = send, false
      end

      def write(*pieces)
        raise IOError, "the stream is closed" if @closed

        pieces.sum do |piece|
          @send.call(piece.to_s.b)
          piece.to_s.bytesize
        end
      end

      def <<(piece)
        write(piece)
        self
      end

      def flush = self
      def read(*) = nil # the request is in rack.input
      def close(*) = @closed = true
      alias close_write close
      alias close_read flush
      def closed? = @closed
    end
  end
end
