#include "net/http_parser.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>

namespace trivet::net {
namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;
using View = boost::beast::string_view;

std::string_view std_view(View v) { return {v.data(), v.size()}; }

bool same_word(std::string_view a, std::string_view lower) {
  return a.size() == lower.size() &&
         std::equal(a.begin(), a.end(), lower.begin(), [](char x, char y) {
           return std::tolower(static_cast<unsigned char>(x)) == y;
         });
}

// Collects what Beast finds, as ours.
template <bool is_request>
class Collector final : public http::basic_parser<is_request> {
 public:
  explicit Collector(std::string& storage) : storage_(storage) {
    this->header_limit(static_cast<uint32_t>(limits::kHttpHeaderMax + limits::kHttpTargetMax));
    this->body_limit(boost::none);
  }

  MessageHead head;
  std::vector<Header> headers;
  int lengths = 0, codings = 0, hosts = 0;
  bool bad_coding = false;
  std::string* out = nullptr;

 private:
  void on_request_impl(http::verb, View method, View target, int version, error_code&) override {
    head.method = std_view(method);
    head.target = std_view(target);
    head.version_minor = version % 10;
  }
  void on_response_impl(int code, View, int version, error_code&) override {
    head.status = code;
    head.version_minor = version % 10;
  }
  void on_field_impl(http::field field, View name, View value, error_code&) override {
    // The name lies in storage_, which is ours to change.
    char* at = storage_.data() + (name.data() - storage_.data());
    for (size_t i = 0; i < name.size(); ++i)
      at[i] = static_cast<char>(std::tolower(static_cast<unsigned char>(at[i])));
    headers.push_back({std_view(name), std_view(value)});
    if (field == http::field::content_length) ++lengths;
    if (field == http::field::host) ++hosts;
    if (field == http::field::expect)
      head.expects_continue = same_word(std_view(value), "100-continue");
    if (field == http::field::transfer_encoding) {
      ++codings;
      bad_coding |= !same_word(std_view(value), "chunked");
    }
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<uint64_t>&, error_code&) override {}
  size_t on_body_impl(View body, error_code&) override {
    out->append(body.data(), body.size());
    return body.size();
  }
  void on_chunk_header_impl(uint64_t, View, error_code&) override {}
  size_t on_chunk_body_impl(uint64_t, View body, error_code&) override {
    out->append(body.data(), body.size());
    return body.size();
  }
  void on_finish_impl(error_code&) override {}

  std::string& storage_;
};

HttpFault fault_of(const error_code& ec) {
  if (ec == http::error::header_limit) return {431, "the header block is too large"};
  if (ec == http::error::bad_version) return {505, "only HTTP/1.0 and HTTP/1.1 are spoken here"};
  return {400, ec.message()};
}

}  // namespace

struct HttpParser::State {
  explicit State(MessageKind k) : kind(k) {}
  template <class Parser>
  std::optional<HttpFault> parse(std::optional<Parser>& parser);

  MessageKind kind;
  std::string storage;  // the head's bytes
  MessageHead head;
  std::optional<Collector<true>> request;
  std::optional<Collector<false>> response;
  std::vector<Header> headers;
  uint64_t body_left = 0;  // when the length is known: no parser takes part
  bool done = true;
};

HttpParser::HttpParser(MessageKind kind) : state_(std::make_unique<State>(kind)) {}
HttpParser::~HttpParser() = default;
HttpParser::HttpParser(HttpParser&&) noexcept = default;

std::optional<std::string_view> MessageHead::header(std::string_view lower_name) const {
  for (const auto& h : headers)
    if (h.name == lower_name) return h.value;
  return std::nullopt;
}

size_t HttpParser::head_length(std::string_view bytes) {
  size_t end = bytes.find("\r\n\r\n");
  return end == std::string_view::npos ? 0 : end + 4;
}

template <class Parser>
std::optional<HttpFault> HttpParser::State::parse(std::optional<Parser>& parser) {
  parser.emplace(storage);
  headers.clear();
  parser->headers.swap(headers);  // keeps its capacity from message to message
  error_code ec;
  size_t used = parser->put(boost::asio::const_buffer(storage.data(), storage.size()), ec);
  headers.swap(parser->headers);
  if (ec && ec != http::error::need_more) return fault_of(ec);
  if (!parser->is_header_done() || used != storage.size())
    return HttpFault{400, "the header block is malformed"};
  if (parser->lengths > 1) return HttpFault{400, "several Content-Length headers"};
  if (parser->lengths > 0 && parser->codings > 0)
    return HttpFault{400, "both Content-Length and Transfer-Encoding"};
  if (parser->codings > 1 || parser->bad_coding)
    return HttpFault{501, "the only transfer coding understood is chunked"};
  head = parser->head;
  head.headers = headers;
  head.keep_alive = parser->keep_alive();
  head.chunked = parser->chunked();
  if (auto length = parser->content_length()) head.content_length = *length;
  body_left = head.content_length.value_or(0);
  return std::nullopt;
}

std::optional<HttpFault> HttpParser::parse_head(std::string_view head) {
  State& s = *state_;
  s.storage.assign(head);
  if (head.find("\n ") != std::string_view::npos || head.find("\n\t") != std::string_view::npos)
    return HttpFault{400, "a folded header line"};
  if (s.kind == MessageKind::kResponse) {
    if (auto fault = s.parse(s.response)) return fault;
    bool bodiless = s.head.status == 204 || s.head.status == 304 || s.head.status / 100 == 1;
    s.done = bodiless || (s.head.content_length && *s.head.content_length == 0);
    return std::nullopt;
  }
  if (size_t line = head.find("\r\n"); line > limits::kHttpTargetMax + 32)
    return HttpFault{414, "the request target is too long"};
  if (auto fault = s.parse(s.request)) return fault;
  if (s.headers.size() > limits::kHttpHeaderCount) return HttpFault{431, "too many headers"};
  if (s.request->hosts > 1 || (s.request->hosts == 0 && s.head.version_minor >= 1))
    return HttpFault{400, "exactly one Host header is needed"};
  std::string_view target = s.head.target;
  if (target.starts_with("http://")) {  // absolute form
    size_t slash = target.find('/', 7);
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  size_t question = target.find('?');
  s.head.path = target.substr(0, question);
  s.head.query =
      question == std::string_view::npos ? std::string_view{} : target.substr(question + 1);
  s.done = !s.head.chunked && s.body_left == 0;
  return std::nullopt;
}

const MessageHead& HttpParser::head() const { return state_->head; }

bool HttpParser::body_done() const { return state_->done; }

Result<size_t> HttpParser::take_body(std::string_view bytes, std::string& out) {
  State& s = *state_;
  if (s.done || bytes.empty()) return size_t{0};
  if (!s.head.chunked) {
    size_t n = bytes.size();
    if (s.head.content_length) {
      n = static_cast<size_t>(std::min<uint64_t>(n, s.body_left));
      s.body_left -= n;
      s.done = s.body_left == 0;
    }
    out.append(bytes.substr(0, n));
    return n;
  }
  auto feed = [&](auto& parser) -> Result<size_t> {
    parser.out = &out;
    size_t used = 0;
    while (used < bytes.size() && !parser.is_done()) {
      error_code ec;
      size_t n =
          parser.put(boost::asio::const_buffer(bytes.data() + used, bytes.size() - used), ec);
      used += n;
      if (ec == http::error::need_more) break;
      if (ec)
        return Error{ErrorCode::kInvalidRequest, "the chunked body is malformed: " + ec.message()};
      if (n == 0) break;
    }
    s.done = parser.is_done();
    return used;
  };
  return s.kind == MessageKind::kRequest ? feed(*s.request) : feed(*s.response);
}

}  // namespace trivet::net
