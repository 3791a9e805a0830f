// The handler's side of a connection: reading a request's body, writing its answer.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <ctime>

#include "net/connection.h"

namespace trivet::net {
namespace {

constexpr size_t kCopyMost = 16 * limits::kKiB;  // a smaller body is copied behind its head

struct Reason {
  int status;
  std::string_view text;
};
// The registry of RFC 9110 section 16.2; a status that is not in it goes without words.
constexpr Reason kReasons[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {207, "Multi-Status"},
    {208, "Already Reported"},
    {226, "IM Used"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {305, "Use Proxy"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {424, "Failed Dependency"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {506, "Variant Also Negotiates"},
    {507, "Insufficient Storage"},
    {508, "Loop Detected"},
    {511, "Network Authentication Required"},
};

std::string_view reason(int status) {
  for (const auto& row : kReasons)
    if (row.status == status) return row.text;
  return {};
}

// "date: ...\r\n" of this second.
std::string_view date_line() {
  thread_local char line[64];
  thread_local std::time_t at = 0;
  thread_local size_t length = 0;
  std::time_t now = std::time(nullptr);
  if (now != at) {
    at = now;
    std::tm parts{};
    gmtime_r(&now, &parts);
    length = std::strftime(line, sizeof line, "date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
  }
  return {line, length};
}

void append_number(std::string& out, uint64_t number) {
  char digits[24];
  auto [end, failed] = std::to_chars(digits, digits + sizeof digits, number);
  out.append(digits, end);
}

// A function must not be able to write headers of its own into the answer.
void append_clean(std::string& out, std::string_view text) {
  for (char c : text) {
    auto u = static_cast<unsigned char>(c);
    out.push_back((u < 0x20 && c != '\t') || u == 0x7F ? ' ' : c);
  }
}
bool is_clean_name(std::string_view name) {
  for (char c : name)
    if (c <= ' ' || c == ':' || c == 0x7F) return false;
  return !name.empty();
}

bool equal_ignoring_case(std::string_view a, std::string_view lower) {
  if (a.size() != lower.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if ((a[i] | 0x20) != lower[i] && a[i] != lower[i]) return false;
  return true;
}

// Headers that the server writes itself.
bool is_ours(std::string_view name) {
  for (std::string_view ours : {"content-length", "transfer-encoding", "connection", "date"})
    if (equal_ignoring_case(name, ours)) return true;
  return false;
}

bool has_no_body(int status) { return status == 204 || status == 304; }

}  // namespace

const Request& Exchange::request() const { return connection_.parser_.head(); }

std::string_view Exchange::peer() const {
  if (connection_.peer_.empty()) connection_.peer_ = connection_.stream_.peer_text();
  return connection_.peer_;
}

Door Exchange::door() const { return connection_.door_; }

uint32_t Exchange::peer_uid() const {
  Connection& c = connection_;
  if (!c.peer_uid_) c.peer_uid_ = c.stream_.peer_uid();
  return *c.peer_uid_;
}

std::vector<uint32_t> Exchange::peer_groups() const { return connection_.stream_.peer_groups(); }

std::optional<std::string> Exchange::body_at_hand(size_t limit) {
  Connection& c = connection_;
  if (c.parser_.body_done()) return std::string{};
  const auto& length = request().content_length;
  if (!length || *length > limit || c.stream_.unread().size() < *length) return std::nullopt;
  std::string body;
  while (!c.parser_.body_done())
    if (auto taken = c.take_body(body); !taken || *taken == 0) return std::nullopt;
  return body;
}

loop::Task<Result<std::string>> Exchange::read_body(size_t limit) {
  Error too_large{ErrorCode::kPayloadTooLarge,
                  "the body is larger than " + std::to_string(limit) + " bytes"};
  if (request().content_length.value_or(0) > limit) co_return too_large;
  std::string body;
  for (;;) {
    auto piece = co_await read_some();
    if (!piece) co_return piece;
    if (piece->empty()) co_return body;
    if (body.size() + piece->size() > limit) co_return too_large;
    if (body.empty())
      body = std::move(*piece);
    else
      body += *piece;
  }
}

// When the next piece must have come: soon after the last, and the whole not too slowly.
Instant Exchange::body_deadline() {
  const HttpOptions& options = connection_.options();
  Instant now = connection_.loop().now();
  if (body_since_ == Instant{}) body_since_ = now;
  auto earned = std::chrono::seconds{body_bytes_ / std::max<size_t>(1, options.body_rate)};
  return std::min(after(now, options.body_timeout),
                  after(after(body_since_, options.body_grace), earned));
}

loop::Task<Result<std::string>> Exchange::read_some() {
  Connection& c = connection_;
  std::string piece;
  while (!c.parser_.body_done()) {
    if (!c.stream_.unread().empty()) {
      auto taken = c.take_body(piece);
      if (!taken) {
        c.close_ = true;
        co_return std::move(taken).error();
      }
      body_bytes_ += *taken;
      if (!piece.empty()) co_return piece;
      if (*taken > 0) continue;
    }
    if (request().expects_continue && !continued_ && !replied_) {
      continued_ = true;
      Stream::Parts go_on{"HTTP/1.1 100 Continue\r\n\r\n"};
      Status sent = co_await c.send(go_on);
      if (!sent) co_return std::move(sent).error();
    }
    auto got = co_await c.stream_.read(body_deadline());
    if (got == Stream::Got::kBytes) continue;
    c.close_ = true;
    if (got == Stream::Got::kEnd)
      co_return Error{ErrorCode::kCancelled, "the client went away in the middle of the body"};
    co_return Error{ErrorCode::kInvalidRequest, "the body did not come in time"};
  }
  co_return piece;
}

// May another request follow this answer?
void Exchange::settle_keep_alive() {
  Connection& c = connection_;
  c.close_ |= c.closing_;
  if (c.parser_.body_done()) return;
  bool never_sent = request().expects_continue && !continued_;  // the client may go either way
  c.close_ |= never_sent || request().content_length.value_or(0) > Connection::kSkipMost;
}

std::string* Exchange::own_header(std::string_view name) {
  for (auto& header : own_headers_)
    if (equal_ignoring_case(name, header.first)) return &header.second;
  return nullptr;
}

std::string& Exchange::own(std::string_view lower_name) {
  if (auto* value = own_header(lower_name)) return *value;
  return own_headers_.emplace_back(lower_name, std::string{}).second;
}

void Exchange::append_headers(std::string& out, const ReplyHeaders& headers) {
  for (const auto& [name, value] : headers) {
    if (equal_ignoring_case(name, "connection") && equal_ignoring_case(value, "close"))
      connection_.close_ = true;
    if (is_ours(name) || !is_clean_name(name) || own_header(name)) continue;
    out.append(name).append(": ");
    append_clean(out, value);
    out.append("\r\n");
  }
}

std::string& Exchange::head_text(int status, const ReplyHeaders& headers,
                                 std::optional<uint64_t> length) {
  if (status < 200 || status > 599) status = 500;
  replied_ = true;
  bodiless_ = has_no_body(status) || request().method == "HEAD";
  chunked_ = !length && request().version_minor >= 1 && !has_no_body(status);
  if (!length && !chunked_ && !bodiless_) connection_.close_ = true;  // the end is the end
  settle_keep_alive();
  std::string& out = connection_.out_;
  out.assign("HTTP/1.1 ");
  append_number(out, static_cast<uint64_t>(status));
  out.append(" ").append(reason(status)).append("\r\n");
  for (const auto& [name, value] : own_headers_)
    out.append(name).append(": ").append(value).append("\r\n");
  append_headers(out, headers);
  if (length && !has_no_body(status)) {
    out.append("content-length: ");
    append_number(out, *length);
    out.append("\r\n");
  }
  if (chunked_) out.append("transfer-encoding: chunked\r\n");
  out.append(date_line());
  if (connection_.close_)
    out.append("connection: close\r\n");
  else if (request().version_minor == 0)
    out.append("connection: keep-alive\r\n");
  out.append("\r\n");
  return out;
}

loop::Task<Status> Exchange::reply(int status, const ReplyHeaders& headers, std::string_view body) {
  Connection& c = connection_;
  std::string& out = head_text(status, headers, body.size());
  finished_ = true;
  if (bodiless_) body = {};
  if (body.size() <= kCopyMost) {
    out.append(body);
    body = {};
  }
  Stream::Parts parts{out, body};
  if (c.stream_.send_now(parts) == Stream::Sent::kAll) co_return Status{};
  co_return co_await c.send(parts);
}

loop::Task<Status> Exchange::begin(int status, const ReplyHeaders& headers,
                                   std::optional<uint64_t> length) {
  left_ = length;
  Stream::Parts parts{head_text(status, headers, length)};
  co_return co_await connection_.send(parts);
}

loop::Task<Status> Exchange::write(std::string_view piece) {
  if (piece.empty() || bodiless_) co_return Status{};
  Connection& c = connection_;
  if (left_) {
    if (piece.size() > *left_) {
      abort();
      co_return Error{ErrorCode::kInternal, "the answer is longer than the length it announced"};
    }
    *left_ -= piece.size();
  }
  Stream::Parts parts{piece};
  if (chunked_) {
    char size[24];
    auto [end, failed] = std::to_chars(size, size + sizeof size, piece.size(), 16);
    c.out_.assign(size, end).append("\r\n");
    parts = {c.out_, piece, "\r\n"};
  }
  co_return co_await c.send(parts);
}

loop::Task<Status> Exchange::finish() {
  if (finished_) co_return Status{};
  finished_ = true;
  if (bodiless_) co_return Status{};
  if (left_.value_or(0) > 0) abort();
  if (!chunked_) co_return Status{};
  Stream::Parts last{"0\r\n\r\n"};
  co_return co_await connection_.send(last);
}

void Exchange::abort() {
  finished_ = true;
  connection_.close_ = true;
  chunked_ = false;
}

}  // namespace trivet::net
