#pragma once
// The HTTP server: connections as coroutines, one Exchange per request.
//
// A connection reads a request's head, hands an Exchange to the handler, and goes on with the next
// request when it has been answered: keep-alive and pipelining, answers in order. When the client
// closes its side while a handler runs, the handler's task is dropped, which cancels its call
// (nginx and Go do the same). All on the loop's thread.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loop/loop.h"
#include "loop/scope.h"
#include "loop/task.h"
#include "loop/watch.h"
#include "net/address.h"
#include "net/http_parser.h"

namespace trivet::net {

using Request = MessageHead;
using ReplyHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpOptions {
  Duration header_timeout =
      limits::kHttpHeaderTimeout;  // from a request's first byte to the end of its head
  Duration body_timeout = limits::kHttpBodyIdleTimeout;  // between two pieces of a body, either way
  Duration keep_alive = limits::kHttpKeepAlive;
  size_t max_connections = limits::kHttpConnections;  // more wait in the backlog
};

class Connection;

// One request and its answer. Belongs to the connection; valid until the handler's task ends.
class Exchange {
 public:
  explicit Exchange(Connection& connection) : connection_(connection) {}
  const Request& request() const;

  // The whole body. kPayloadTooLarge as soon as it is known to be over `limit`, kInvalidRequest
  // when it is malformed or too slow, kCancelled when the client went away.
  loop::Task<Result<std::string>> read_body(size_t limit);
  // The next piece, empty at the end. The same errors.
  loop::Task<Result<std::string>> read_some();
  // The whole body without waiting, when all of it has come already and is within the limit.
  std::optional<std::string> body_at_hand(size_t limit);

  // The whole answer at once. Content-Length, Date and Connection are added; HEAD, 204 and 304 go
  // without a body.
  loop::Task<Status> reply(int status, const ReplyHeaders& headers, std::string_view body);
  // A streamed answer: begin, write..., finish. Chunked, or ended by closing for HTTP/1.0. Each
  // piece is sent at once.
  loop::Task<Status> begin(int status, const ReplyHeaders& headers, std::optional<uint64_t> length);
  loop::Task<Status> write(std::string_view piece);
  loop::Task<Status> finish();
  // A streamed answer cannot go on: closes the connection without the end mark, so that the client
  // sees it.
  void abort();

  bool replied() const { return replied_; }

 private:
  friend class Connection;
  void append_head(std::string& out, int status, const ReplyHeaders& headers,
                   std::optional<uint64_t> length, bool chunked);

  Connection& connection_;
  bool replied_ = false;   // a head was sent
  bool finished_ = false;  // the whole answer was sent
  bool chunked_ = false;
  bool continued_ = false;  // 100 Continue was sent
};

class HttpHandler {
 public:
  // Answers one request. When it returns without an answer the client gets a 500.
  virtual loop::Task<> handle(Exchange& exchange) = 0;

 protected:
  ~HttpHandler() = default;
};

class HttpServer {
 public:
  HttpServer(loop::Loop& loop, HttpHandler& handler, HttpOptions options);
  ~HttpServer();

  // The address with the port that was chosen. kIo when it cannot be had.
  Result<Address> listen(Address address);
  // Takes a listening socket that somebody else opened (socket activation).
  void adopt(os::Fd listening);
  void stop_accepting();
  // Stops accepting, closes idle connections, waits for answers that are under way until the
  // deadline, then drops them.
  loop::Task<> drain(Instant deadline);
  size_t connections() const { return scope_.size(); }

 private:
  friend class Connection;
  friend class Exchange;
  struct Listener;
  void accept_from(Listener& listener);

  loop::Loop& loop_;
  HttpHandler& handler_;
  HttpOptions options_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<std::string> socket_files_;
  loop::Link connections_;
  bool draining_ = false;
  loop::Scope scope_;
};

}  // namespace trivet::net
