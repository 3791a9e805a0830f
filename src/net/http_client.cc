#include "net/http_client.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>

#include "base/limits.h"

namespace trivet::net {
namespace {

constexpr size_t kReadSize = 64 * limits::kKiB;
constexpr auto kNoLimit = Duration::max();

// Milliseconds for poll(), rounded up; -1 for ever.
int poll_ms(Duration d) {
  if (d == kNoLimit) return -1;
  auto ms = std::chrono::ceil<std::chrono::milliseconds>(std::max(d, Duration::zero())).count();
  return static_cast<int>(std::min<int64_t>(ms, INT32_MAX));
}

// 1: ready, 0: the time is over.
int wait_for(int fd, short events, Duration patience) {
  Instant deadline = after(RealClock{}.now(), patience);
  for (;;) {
    pollfd asked{fd, events, 0};
    Duration left = deadline == kNever ? kNoLimit : deadline - RealClock{}.now();
    int n = ::poll(&asked, 1, poll_ms(left));
    if (n >= 0 || errno != EINTR) return n == 0 ? 0 : 1;
  }
}

bool is_repeatable(std::string_view method) {
  for (std::string_view safe : {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
    if (method == safe) return true;
  return false;
}

}  // namespace

std::string_view Response::header(std::string_view lower_name) const {
  for (const auto& [name, value] : headers)
    if (name == lower_name) return value;
  return {};
}

Result<HttpClient> HttpClient::connect(const Address& address, Duration timeout) {
  HttpClient client{address, timeout};
  if (Status opened = client.open(); !opened) return std::move(opened).error();
  return client;
}

Status HttpClient::open() {
  in_.clear();
  used_ = false;
  auto fd = connect_to(address_, timeout_);
  if (!fd) return std::move(fd).error();
  fd_ = std::move(*fd);
  fcntl(fd_.get(), F_SETFL, fcntl(fd_.get(), F_GETFL) | O_NONBLOCK);
  return {};
}

Result<Response> HttpClient::request(std::string_view method, std::string_view target,
                                     const ReplyHeaders& headers, std::string_view body) {
  Response response;
  OnPiece collect = [&response](std::string_view piece) {
    response.body.append(piece);
    return true;
  };
  Status done = exchange(method, target, headers, body, collect, timeout_, response);
  if (!done) return std::move(done).error();
  return response;
}

Status HttpClient::stream(std::string_view method, std::string_view target,
                          const ReplyHeaders& headers, const OnPiece& on_piece, Response& head) {
  return exchange(method, target, headers, {}, on_piece, kNoLimit, head);
}

Status HttpClient::exchange(std::string_view method, std::string_view target,
                            const ReplyHeaders& headers, std::string_view body,
                            const OnPiece& on_piece, Duration patience, Response& response) {
  HttpParser parser{MessageKind::kResponse};
  std::string head = head_text(method, target, headers, body.size());
  for (;;) {
    if (used_ && is_closed()) fd_.reset();
    if (!fd_)
      if (Status opened = open(); !opened) return opened;
    bool reused = used_;
    used_ = silent_ = true;
    Status done = send(head, body);
    if (done) done = receive_head(parser);
    if (done) break;
    // The server may close a kept connection just when we use it: then nothing of an answer comes.
    bool again =
        reused && silent_ && done.error().code == ErrorCode::kUnavailable && is_repeatable(method);
    if (!again) return done;
  }
  const MessageHead& got = parser.head();
  response.status = got.status;
  for (const auto& h : got.headers) response.headers.emplace_back(h.name, h.value);
  bool keep = got.keep_alive;
  if (method != "HEAD")
    if (Status done = receive_body(parser, on_piece, patience); !done) return done;
  if (!keep) fd_.reset();
  return {};
}

std::string HttpClient::head_text(std::string_view method, std::string_view target,
                                  const ReplyHeaders& headers, size_t size) const {
  std::string out;
  out.append(method).append(" ").append(target).append(" HTTP/1.1\r\nhost: ");
  out.append(address_.kind == Address::Kind::kUnix ? "localhost" : address_.text());
  for (const auto& [name, value] : headers)
    out.append("\r\n").append(name).append(": ").append(value);
  bool bodiless = size == 0 && (method == "GET" || method == "HEAD");
  if (!bodiless) out.append("\r\ncontent-length: ").append(std::to_string(size));
  return out.append("\r\n\r\n");
}

Status HttpClient::send(std::string_view head, std::string_view body) {
  while (!head.empty() || !body.empty()) {
    iovec parts[2] = {{const_cast<char*>(head.data()), head.size()},
                      {const_cast<char*>(body.data()), body.size()}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    ssize_t n = ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    // The server may have answered and closed before it took everything: its answer tells why.
    if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) return {};
    if (n < 0 && errno != EAGAIN) return lost();
    if (n < 0) {
      if (wait_for(fd_.get(), POLLOUT, timeout_) == 0) {
        fd_.reset();
        return Error{ErrorCode::kFunctionTimeout, address_.text() + " does not take the request"};
      }
      continue;
    }
    size_t of_head = std::min(static_cast<size_t>(n), head.size());
    head.remove_prefix(of_head);
    body.remove_prefix(static_cast<size_t>(n) - of_head);
  }
  return {};
}

// Nothing is due between two requests, so whatever can be read there is the end.
bool HttpClient::is_closed() const {
  pollfd asked{fd_.get(), POLLIN | POLLRDHUP, 0};
  return ::poll(&asked, 1, 0) > 0;
}

Error HttpClient::lost() {
  fd_.reset();
  return {ErrorCode::kUnavailable, "the connection to " + address_.text() + " was lost",
          "is the server still running? start one with `trivet serve`"};
}

// More bytes into in_; false at the connection's end.
Result<bool> HttpClient::fill(Duration patience) {
  for (;;) {
    if (wait_for(fd_.get(), POLLIN, patience) == 0) {
      fd_.reset();
      return Error{ErrorCode::kFunctionTimeout, "no answer from " + address_.text() + " within " +
                                                    std::to_string(poll_ms(patience)) + " ms"};
    }
    size_t have = in_.size();
    in_.resize(have + kReadSize);
    ssize_t n = ::recv(fd_.get(), in_.data() + have, kReadSize, 0);
    in_.resize(have + static_cast<size_t>(std::max<ssize_t>(n, 0)));
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n > 0) silent_ = false;
    return n > 0;
  }
}

Status HttpClient::receive_head(HttpParser& parser) {
  for (;;) {
    size_t length = 0, seen = 0;
    while ((length = HttpParser::head_length(in_, seen)) == 0) {
      seen = in_.size();
      if (seen > limits::kHttpHeaderMax) break;
      auto more = fill(timeout_);
      if (!more) return std::move(more).error();
      if (!*more) return lost();
    }
    HttpFault too_large{431, "the header block is too large"};
    auto fault =
        length == 0 ? too_large : parser.parse_head(std::string_view{in_}.substr(0, length));
    if (fault) {
      fd_.reset();
      return Error{ErrorCode::kUnavailable,
                   address_.text() + " does not answer as an HTTP server: " + fault->message,
                   "is it a trivet server that listens there?"};
    }
    in_.erase(0, length);
    if (parser.head().status / 100 != 1) return {};  // 1xx comes before the answer
  }
}

Status HttpClient::receive_body(HttpParser& parser, const OnPiece& on_piece, Duration patience) {
  bool until_end = !parser.head().chunked && !parser.head().content_length;
  std::string piece;
  bool wanting = in_.empty();  // the parser needs more than in_ holds
  while (!parser.body_done()) {
    if (wanting) {
      auto more = fill(patience);
      if (!more) return std::move(more).error();
      if (!*more && !until_end) return lost();
      if (!*more) {
        fd_.reset();
        return {};
      }
    }
    piece.clear();
    auto taken = parser.take_body(in_, piece);
    if (!taken) {
      fd_.reset();
      return std::move(taken).error();
    }
    in_.erase(0, *taken);
    wanting = in_.empty() || *taken == 0;
    if (piece.empty() || on_piece(piece)) continue;
    fd_.reset();
    return {};
  }
  return {};
}

}  // namespace trivet::net
