require "cgi"
require "rack/request"

# Markdown in, a page out: POST / with a text. GET /contents streams the headings of a text that the query has, one a line.
class Pages
  def call(env)
    request = Rack::Request.new(env)
    case [request.request_method, request.path_info]
    when %w[POST /] then page(request.body.read.force_encoding("UTF-8"))
    when %w[GET /contents] then [200, { "content-type" => "text/plain; charset=utf-8" }, headings(request.params["text"].to_s)]
    else [404, { "content-type" => "text/plain" }, ["there is no #{request.path_info}\n"]]
    end
  end

  private

  def page(text)
    return [422, { "content-type" => "text/plain" }, ["the text is empty\n"]] if text.strip.empty?

    document = Kramdown::Document.new(text, auto_ids: true)
    title = headings(text).first&.chomp || "Untitled"
    html = "<!doctype html>\n<meta charset=\"utf-8\">\n<title>#{CGI.escapeHTML(title)}</title>\n#{document.to_html}"
    [200, { "content-type" => "text/html; charset=utf-8" }, [html]]
  end

  def headings(text)
    root = Kramdown::Document.new(text).root
    root.children.lazy.select { |element| element.type == :header }.map { |element| "#{element.options[:raw_text]}\n" }
  end
end
