# frozen_string_literal: true

# The `context` interface: the open-runtimes form of a function's request and response (runtimes/CONTRACT.md).
module Trivet
  HIDDEN = "x-open-runtimes-"
  LOG_LINE_MAX = 8000

  class Request
    attr_reader :method, :path, :scheme, :host, :port, :query_string, :headers, :body_binary

    def initialize(head, body)
      @method, @path, @scheme, @query_string = head.values_at("method", "path", "scheme", "query")
      @headers = head["headers"].reject { |name, _| name.start_with?(HIDDEN) }.to_h
      @host, _, port = head["host"].partition(":")
      @port = port.match?(/\A\d+\z/) ? port.to_i : usual_port
      @body_binary = body
    end

    def query
      @query ||= @query_string.split("&").each_with_object({}) do |pair, all|
        name, _, value = pair.partition("=")
        all[name] = value unless name.empty?
      end
    end

    def url
      "#{@scheme}://#{@host}#{":#{@port}" unless @port == usual_port}#{@path}#{"?#{@query_string}" unless @query_string.empty?}"
    end

    def body_text = @body_text ||= @body_binary.dup.force_encoding("UTF-8").scrub
    alias body_raw body_text
    def body_json = JSON.parse(body_text)

    def body
      return body_text unless @headers["content-type"]&.downcase&.start_with?("application/json")

      @body_binary.empty? ? {} : body_json
    end

    private

    def usual_port = @scheme == "https" ? 443 : 80
  end

  # What res.* made.
  Response = Struct.new(:status, :headers, :payload)

  class Responder
    def binary(body, status = 200, headers = {}) = Response.new(status, headers, body.is_a?(Array) ? body.pack("C*") : body.to_s.b)
    def text(body, status = 200, headers = {}) = Response.new(status, headers, body.to_s)
    alias send text
    def json(value, status = 200, headers = {}) = text(JSON.generate(value), status, headers.merge("content-type" => "application/json"))
    def empty = text("", 204)
    def redirect(url, status = 301, headers = {}) = text("", status, headers.merge("location" => url))
    # `pieces` is anything with `each`: an Enumerator, an Array.
    def stream(pieces, status = 200, headers = {}) = Response.new(status, headers, pieces)

    # The REPLY's meta and payload of what a handler returned.
    def self.finished(reply)
      unless reply.is_a?(Response)
        raise Failure.new("INVALID_OUTPUT", "Return statement missing. return context.res.empty() if no response is expected.")
      end

      headers = reply.headers.to_h { |name, value| [name.to_s.downcase, value] }
      headers["content-type"] = content_type(headers["content-type"] || "text/plain")
      pairs = headers.reject { |name, _| name.start_with?(HIDDEN) }
                     .flat_map { |name, value| Array(value).map { |each| [Trivet.text(name), Trivet.text(each)] } }
      [JSON.generate({ status: reply.status, headers: pairs }), reply.payload]
    end

    def self.content_type(kind)
      return kind if kind.downcase.start_with?("multipart/")

      kind = kind.downcase
      kind.include?("charset=") ? kind : "#{kind}; charset=utf-8"
    end
  end

  class HttpContext
    attr_reader :req, :res, :sdk

    def initialize(head, body, log, sdk)
      @req, @res, @log, @sdk = Request.new(head, body), Responder.new, log, sdk
    end

    def log(*values) = @log.info(line(values))
    def error(*values) = @log.error(line(values))
    def inspect = "#<Trivet::HttpContext #{@req.method} #{@req.path}>"

    private

    def line(values)
      values.map { |value| value.is_a?(String) ? Trivet.text(value) : compact(value) }.join(" ")[0, LOG_LINE_MAX]
    end

    def compact(value)
      JSON.generate(value)
    rescue StandardError, SystemStackError
      Trivet.text(value.inspect)
    end
  end
end
