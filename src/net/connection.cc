#include "net/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>

namespace trivet::net {
namespace {

constexpr size_t kReadSize = 16 * limits::kKiB;
constexpr size_t kBufferKept = 64 * limits::kKiB;
constexpr const char* kHeadTooLarge = "the header block is too large";
constexpr size_t kSkipMost =
    1 * limits::kMiB;  // of a body that the handler did not read; more closes the connection

}  // namespace

Connection::Connection(HttpServer& server, os::Fd fd)
    : server_(server), fd_(std::move(fd)), watch_(server.loop_, fd_.get()), handled_(server.loop_) {
  server_.connections_.append(*this);
  watch_.tell_hang_up(&handled_);
}

loop::Task<> Connection::serve(HttpServer& server, os::Fd fd) {
  Connection connection{server, std::move(fd)};
  co_await connection.run();
}

loop::Task<> Connection::run() {
  while (!close_ && !server_.draining_) {
    bool got_one = co_await read_head();
    if (!got_one) break;
    co_await handle_request();
  }
  ::shutdown(fd_.get(), SHUT_WR);
}

void Connection::close_when_idle() {
  closing_ = true;
  if (idle_) ::shutdown(fd_.get(), SHUT_RDWR);  // wakes the read, which sees the end
}

void Connection::consume(size_t count) {
  begin_ += count;
  if (begin_ != end_) return;
  begin_ = end_ = 0;
  if (in_.size() > kBufferKept) std::string{}.swap(in_);
}

// One read without waiting: bytes, 0 at the end, -1 when there is nothing now.
ssize_t Connection::read_now() {
  if (in_.size() - end_ < kReadSize) {
    if (begin_ > 0) {
      in_.erase(0, begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    in_.resize(std::max(in_.size(), end_ + kReadSize));
  }
  for (;;) {
    size_t room = in_.size() - end_;
    ssize_t n = ::recv(fd_.get(), in_.data() + end_, room, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      watch_.drained();
      return -1;
    }
    if (n <= 0) return 0;
    if (static_cast<size_t>(n) < room && !watch_.hung_up())
      watch_.drained();  // a short read emptied the socket
    end_ += static_cast<size_t>(n);
    return n;
  }
}

loop::Task<Connection::Got> Connection::fill(Instant deadline) {
  for (;;) {
    if (!watch_.may_read()) {
      bool in_time = co_await watch_.readable(deadline);
      if (!in_time) co_return Got::kTimeout;
    }
    ssize_t n = read_now();
    if (n > 0) co_return Got::kData;
    if (n == 0) co_return Got::kEnd;
  }
}

loop::Task<bool> Connection::read_head() {
  idle_ = true;
  Instant deadline = after(loop().now(), server_.options_.keep_alive);
  bool begun = false;
  for (;;) {
    while (!begun && (unread().starts_with("\r\n")))
      consume(2);  // RFC 9112 2.2: an empty line before a request
    if (!begun && !unread().empty()) {
      begun = true;
      idle_ = false;
      deadline = after(loop().now(), server_.options_.header_timeout);
    }
    if (size_t length = HttpParser::head_length(unread())) {
      if (length > limits::kHttpHeaderMax) {
        co_await refuse(431, kHeadTooLarge);
        co_return false;
      }
      auto fault = parser_.parse_head(unread().substr(0, length));
      consume(length);
      if (!fault) co_return true;
      co_await refuse(fault->status, fault->message);
      co_return false;
    }
    if (unread().size() > limits::kHttpHeaderMax) {
      co_await refuse(431, kHeadTooLarge);
      co_return false;
    }
    if (!begun && closing_) co_return false;
    Got got = co_await fill(deadline);
    if (got == Got::kTimeout && begun)
      co_await refuse(408, "the request's head did not come in time");
    if (got != Got::kData) co_return false;
  }
}

loop::Task<> Connection::handle_request() {
  Exchange exchange{*this};
  close_ = !parser_.head().keep_alive || closing_;
  handler_ended_ = false;
  handled_.reset();
  {
    loop::Scope scope{loop()};
    scope.spawn(run_handler(exchange));
    while (!handler_ended_) {
      co_await handled_.wait();
      if (!handler_ended_ && watch_.hung_up())
        break;  // the client has gone: leaving the scope drops the handler
      handled_.reset();
    }
  }
  if (!handler_ended_) {
    close_ = true;
    co_return;
  }
  if (!exchange.replied()) {
    co_await refuse(500, "the request was not answered");
  } else if (!exchange.finished_) {
    close_ = true;
  }
  if (close_ || parser_.body_done()) co_return;
  bool skipped = co_await skip_body();
  if (!skipped) close_ = true;
}

loop::Task<> Connection::run_handler(Exchange& exchange) {
  co_await server_.handler_.handle(exchange);
  handler_ended_ = true;
  handled_.set();
}

loop::Task<bool> Connection::skip_body() {
  std::string ignored;
  while (!parser_.body_done() && ignored.size() < kSkipMost) {
    auto taken = parser_.take_body(unread(), ignored);
    if (!taken) co_return false;
    consume(*taken);
    if (*taken > 0) continue;
    Got got = co_await fill(after(loop().now(), server_.options_.body_timeout));
    if (got != Got::kData) co_return false;
  }
  co_return parser_.body_done();
}

loop::Task<Status> Connection::send(std::string_view head, std::string_view body) {
  while (!head.empty() || !body.empty()) {
    iovec parts[2] = {{const_cast<char*>(head.data()), head.size()},
                      {const_cast<char*>(body.data()), body.size()}};
    msghdr message{};
    message.msg_iov = head.empty() ? parts + 1 : parts;
    message.msg_iovlen = head.empty() || body.empty() ? 1 : 2;
    ssize_t n = ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno != EAGAIN) {
      close_ = true;
      co_return Error{ErrorCode::kCancelled, "the client went away"};
    }
    if (n < 0) {
      watch_.filled();
      bool in_time = co_await watch_.writable(after(loop().now(), server_.options_.body_timeout));
      if (in_time) continue;
      close_ = true;
      co_return Error{ErrorCode::kCancelled, "the client does not read"};
    }
    auto sent = static_cast<size_t>(n);
    size_t of_head = std::min(sent, head.size());
    head.remove_prefix(of_head);
    body.remove_prefix(sent - of_head);
  }
  co_return Status{};
}

loop::Task<> Connection::refuse(int status, std::string message) {
  close_ = true;
  Exchange exchange{*this};
  std::string body = "{\"type\":\"about:blank\",\"title\":\"Invalid request\",\"status\":" +
                     std::to_string(status) +
                     ",\"code\":\"INVALID_REQUEST\",\"component\":\"gateway\",\"detail\":\"" +
                     message + "\"}\n";
  ReplyHeaders headers{{"content-type", "application/problem+json"}};
  co_await exchange.reply(status, headers, body);
}

}  // namespace trivet::net
