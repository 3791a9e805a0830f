#include "net/http_parser.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>

#include "net/chunked.h"

namespace trivet::net {
namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;
using View = boost::beast::string_view;

// A method and a version stand in the line beside the target.
constexpr size_t kRequestLineMost = limits::kHttpTargetMax + 32;

std::string_view std_view(View v) { return {v.data(), v.size()}; }

// Headers are ASCII, whatever the locale.
char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool same_word(std::string_view a, std::string_view lower) {
  return std::equal(a.begin(), a.end(), lower.begin(), lower.end(),
                    [](char x, char y) { return to_lower(x) == y; });
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
  bool bad_coding = false, bad_length = false;

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
  void on_field_impl(http::field field, View name, View value, error_code& ec) override {
    if (headers.size() == limits::kHttpHeaderCount) {
      ec = http::error::header_limit;
      return;
    }
    // The name lies in storage_, which is ours to change.
    char* at = storage_.data() + (name.data() - storage_.data());
    for (size_t i = 0; i < name.size(); ++i) at[i] = to_lower(at[i]);
    headers.push_back({std_view(name), std_view(value)});
    if (field == http::field::host) ++hosts;
    if (field == http::field::expect)
      head.expects_continue = same_word(std_view(value), "100-continue");
    if (field == http::field::content_length) {
      ++lengths;
      bad_length |= !std::all_of(value.begin(), value.end(), is_digit);
    }
    if (field == http::field::transfer_encoding) {
      ++codings;
      bad_coding |= !same_word(std_view(value), "chunked");
    }
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<uint64_t>&, error_code&) override {}
  size_t on_body_impl(View body, error_code&) override { return body.size(); }
  void on_chunk_header_impl(uint64_t, View, error_code&) override {}
  size_t on_chunk_body_impl(uint64_t, View body, error_code&) override { return body.size(); }
  void on_finish_impl(error_code&) override {}

  std::string& storage_;
};

// "GET / HTTP/3.0": well-formed, of a version that is not ours.
bool is_other_version(std::string_view head) {
  std::string_view line = head.substr(0, head.find("\r\n"));
  size_t first = line.find(' '), last = line.rfind(' ');
  return first != last && line.find(' ', first + 1) == last &&
         line.substr(last + 1).starts_with("HTTP/");
}

HttpFault fault_of(const error_code& ec, std::string_view head) {
  if (ec == http::error::bad_version && is_other_version(head))
    return {505, "only HTTP/1.0 and HTTP/1.1 are spoken here"};
  if (ec == http::error::header_limit) return {431, "the header block is too large"};
  return {400, "the message is malformed: " + ec.message()};
}

// Line ends that other servers may read in another way than we do.
std::optional<HttpFault> line_fault(std::string_view bytes) {
  for (size_t at = bytes.find('\n'); at != std::string_view::npos; at = bytes.find('\n', at + 1)) {
    if (at == 0 || bytes[at - 1] != '\r') return HttpFault{400, "a line that ends without CR LF"};
    if (at + 1 < bytes.size() && (bytes[at + 1] == ' ' || bytes[at + 1] == '\t'))
      return HttpFault{400, "a folded header line"};
  }
  return std::nullopt;
}

// No byte that ends a host in a URL, or that stands in none.
bool is_host(std::string_view host) {
  return std::all_of(host.begin(), host.end(), [](char c) {
    constexpr std::string_view kMarks = "-._~%!$&'()*+;=:[]";
    bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return is_letter || is_digit(c) || kMarks.find(c) != std::string_view::npos;
  });
}

bool same_host(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return to_lower(x) == to_lower(y); });
}

// Path and query of a target in origin, absolute or asterisk form; false for any other, and for an
// absolute one that names another host than the header: two readers would not agree on whose it is.
bool split_target(MessageHead& head) {
  std::string_view target = head.target;
  for (std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    size_t slash = target.find_first_of("/?", scheme.size());
    std::string_view named = target.substr(0, slash).substr(scheme.size());
    if (named.empty() || !same_host(named, head.header("host").value_or(named))) return false;
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  size_t question = target.find('?');
  head.path = target.substr(0, question);
  if (question != std::string_view::npos) head.query = target.substr(question + 1);
  if (head.path.empty()) head.path = "/";
  return head.path.front() == '/' || (head.target == "*" && head.method == "OPTIONS");
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
  ChunkReader chunks;
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

size_t HttpParser::head_length(std::string_view bytes, size_t seen) {
  size_t end = bytes.find("\r\n\r\n", seen < 3 ? 0 : seen - 3);
  return end == std::string_view::npos ? 0 : end + 4;
}

std::optional<HttpFault> HttpParser::early_fault(std::string_view bytes) {
  size_t line = bytes.find("\r\n");
  if (std::min(line, bytes.size()) > kRequestLineMost)
    return HttpFault{414, "the request target is longer than " +
                              std::to_string(limits::kHttpTargetMax) + " bytes"};
  if (bytes.size() > limits::kHttpHeaderMax)
    return HttpFault{431, "the header block is larger than " +
                              std::to_string(limits::kHttpHeaderMax) + " bytes"};
  if (!bytes.empty() && (bytes[0] <= ' ' || bytes[0] >= 0x7F))
    return HttpFault{400, "this is not HTTP; TLS is not spoken here"};
  return line_fault(bytes);
}

template <class Parser>
std::optional<HttpFault> HttpParser::State::parse(std::optional<Parser>& parser) {
  parser.emplace(storage);
  headers.clear();
  parser->headers.swap(headers);  // keeps its capacity from message to message
  error_code ec;
  size_t used = parser->put(boost::asio::const_buffer(storage.data(), storage.size()), ec);
  headers.swap(parser->headers);
  if (ec && ec != http::error::need_more) return fault_of(ec, storage);
  if (!parser->is_header_done() || used != storage.size())
    return HttpFault{400, "the header block is malformed"};
  if (parser->lengths > 1 || parser->bad_length)
    return HttpFault{400, "more than one Content-Length"};
  if (parser->lengths > 0 && parser->codings > 0)
    return HttpFault{400, "both Content-Length and Transfer-Encoding"};
  if (parser->codings > 1 || parser->bad_coding)
    return HttpFault{501, "the only transfer coding understood is chunked"};
  if (parser->codings > 0 && parser->head.version_minor == 0)
    return HttpFault{400, "HTTP/1.0 knows no Transfer-Encoding"};
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
  reset();
  if (s.kind == MessageKind::kResponse) {
    if (auto fault = line_fault(head)) return fault;
    s.storage.assign(head);
    if (auto fault = s.parse(s.response)) return fault;
    bool bodiless = s.head.status == 204 || s.head.status == 304 || s.head.status / 100 == 1;
    s.done = bodiless || (s.head.content_length && *s.head.content_length == 0);
    return std::nullopt;
  }
  if (auto fault = early_fault(head)) return fault;
  s.storage.assign(head);
  if (auto fault = s.parse(s.request)) {
    reset();
    return fault;
  }
  if (s.request->hosts > 1 || (s.request->hosts == 0 && s.head.version_minor >= 1))
    return HttpFault{400, "exactly one Host header is needed"};
  if (!is_host(s.head.header("host").value_or("")))
    return HttpFault{400, "the Host header is no host"};
  if (!split_target(s.head))
    return HttpFault{400, "the request target does not begin with /, or names another host"};
  s.done = !s.head.chunked && s.body_left == 0;
  return std::nullopt;
}

void HttpParser::reset() {
  state_->head = {};
  state_->body_left = 0;
  state_->chunks = {};
  state_->done = true;
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
  auto taken = s.chunks.take(bytes, out);
  s.done = s.chunks.done();
  return taken;
}

}  // namespace trivet::net
