#include "net/http_server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdio>
#include <ctime>

#include "net/connection.h"

namespace trivet::net {
namespace {

constexpr int kAcceptsPerTurn = 64;
constexpr size_t kCopyMost =
    16 * limits::kKiB;  // a smaller body is copied behind its head: one buffer, one write

std::string_view reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Status";
  }
}

// "Date: ...\r\n" of this second.
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

// A function must not be able to write headers of its own into the answer.
void append_clean(std::string& out, std::string_view text) {
  for (char c : text) out.push_back(c == '\r' || c == '\n' || c == '\0' ? ' ' : c);
}

bool bodiless(int status) { return status == 204 || status == 304 || status / 100 == 1; }

}  // namespace

const Request& Exchange::request() const { return connection_.parser_.head(); }

std::optional<std::string> Exchange::body_at_hand(size_t limit) {
  Connection& c = connection_;
  if (c.parser_.body_done()) return std::string{};
  const auto& length = request().content_length;
  if (!length || *length > limit || c.unread().size() < *length) return std::nullopt;
  std::string body;
  auto taken = c.parser_.take_body(c.unread(), body);
  if (taken) c.consume(*taken);
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

loop::Task<Result<std::string>> Exchange::read_some() {
  Connection& c = connection_;
  std::string piece;
  while (!c.parser_.body_done()) {
    if (request().expects_continue && !continued_ && !replied_) {
      continued_ = true;
      Status sent = co_await c.send("HTTP/1.1 100 Continue\r\n\r\n", std::string_view{});
      if (!sent) co_return std::move(sent).error();
    }
    if (!c.unread().empty()) {
      auto taken = c.parser_.take_body(c.unread(), piece);
      if (!taken) {
        c.close_ = true;
        co_return std::move(taken).error();
      }
      c.consume(*taken);
      if (!piece.empty()) co_return piece;
      if (c.parser_.body_done()) break;
      if (*taken > 0) continue;
    }
    auto got = co_await c.fill(after(c.loop().now(), c.server_.options_.body_timeout));
    if (got == Connection::Got::kData) continue;
    c.close_ = true;
    if (got == Connection::Got::kEnd)
      co_return Error{ErrorCode::kCancelled, "the client went away in the middle of the body"};
    co_return Error{ErrorCode::kInvalidRequest, "the body did not come in time"};
  }
  co_return piece;
}

void Exchange::append_head(std::string& out, int status, const ReplyHeaders& headers,
                           std::optional<uint64_t> length, bool chunked) {
  out.append("HTTP/1.1 ")
      .append(std::to_string(status))
      .append(" ")
      .append(reason(status))
      .append("\r\n");
  for (const auto& [name, value] : headers) {
    append_clean(out, name);
    out.append(": ");
    append_clean(out, value);
    out.append("\r\n");
  }
  if (length) out.append("content-length: ").append(std::to_string(*length)).append("\r\n");
  if (chunked) out.append("transfer-encoding: chunked\r\n");
  out.append(date_line());
  if (connection_.close_)
    out.append("connection: close\r\n");
  else if (request().version_minor == 0)
    out.append("connection: keep-alive\r\n");
  out.append("\r\n");
}

loop::Task<Status> Exchange::reply(int status, const ReplyHeaders& headers, std::string_view body) {
  Connection& c = connection_;
  replied_ = finished_ = true;
  std::optional<uint64_t> length;
  if (!bodiless(status)) length = body.size();
  if (bodiless(status) || request().method == "HEAD") body = {};
  c.out_.clear();
  append_head(c.out_, status, headers, length, false);
  if (body.size() <= kCopyMost) {
    c.out_.append(body);
    body = {};
  }
  co_return co_await c.send(c.out_, body);
}

loop::Task<Status> Exchange::begin(int status, const ReplyHeaders& headers,
                                   std::optional<uint64_t> length) {
  Connection& c = connection_;
  replied_ = true;
  chunked_ =
      !length && request().version_minor >= 1 && !bodiless(status) && request().method != "HEAD";
  if (!length && !chunked_) c.close_ = true;
  c.out_.clear();
  append_head(c.out_, status, headers, length, chunked_);
  co_return co_await c.send(c.out_, std::string_view{});
}

loop::Task<Status> Exchange::write(std::string_view piece) {
  if (piece.empty() || request().method == "HEAD") co_return Status{};
  Connection& c = connection_;
  if (!chunked_) co_return co_await c.send(std::string_view{}, piece);
  char size[24];
  int n = std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
  c.out_.assign(size, static_cast<size_t>(n));
  c.out_.append(piece).append("\r\n");
  co_return co_await c.send(c.out_, std::string_view{});
}

loop::Task<Status> Exchange::finish() {
  finished_ = true;
  if (!chunked_) co_return Status{};
  co_return co_await connection_.send("0\r\n\r\n", std::string_view{});
}

void Exchange::abort() { connection_.close_ = true; }

// One listening socket.
struct HttpServer::Listener final : loop::IoHandler {
  Listener(HttpServer& owner, os::Fd socket) : server(owner), fd(std::move(socket)) {
    server.loop_.add(fd.get(), EPOLLIN, *this);
  }
  ~Listener() { server.loop_.remove(fd.get(), *this); }
  void on_io(uint32_t) override { server.accept_from(*this); }
  HttpServer& server;
  os::Fd fd;
};

HttpServer::HttpServer(loop::Loop& loop, HttpHandler& handler, HttpOptions options)
    : loop_(loop), handler_(handler), options_(options), scope_(loop) {}

HttpServer::~HttpServer() {
  stop_accepting();
  scope_.cancel();
}

Result<Address> HttpServer::listen(Address address) {
  auto fd = listen_on(address);
  if (!fd) return std::move(fd).error();
  if (address.kind == Address::Kind::kUnix) socket_files_.push_back(address.host);
  adopt(std::move(*fd));
  return address;
}

void HttpServer::adopt(os::Fd listening) {
  listeners_.push_back(std::make_unique<Listener>(*this, std::move(listening)));
}

void HttpServer::accept_from(Listener& listener) {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    if (scope_.size() >= options_.max_connections) return;
    os::Fd fd{accept4(listener.fd.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (!fd) return;
    int on = 1;
    setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on,
               sizeof on);  // fails harmlessly on a Unix socket
    scope_.spawn(Connection::serve(*this, std::move(fd)));
  }
}

void HttpServer::stop_accepting() {
  listeners_.clear();
  for (const auto& file : socket_files_) unlink(file.c_str());
  socket_files_.clear();
}

loop::Task<> HttpServer::drain(Instant deadline) {
  draining_ = true;
  stop_accepting();
  for (loop::Link* at = connections_.next; at != &connections_;) {
    auto* connection = static_cast<Connection*>(at);
    at = at->next;
    connection->close_when_idle();
  }
  co_await scope_.join(deadline);
  scope_.cancel();
}

}  // namespace trivet::net
