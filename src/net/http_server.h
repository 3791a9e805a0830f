#pragma once
// The HTTP server: connections as coroutines, one Exchange per request.
//
// A connection reads a request's head, hands an Exchange to the handler, and goes on with the next
// request when it has been answered: keep-alive and pipelining, answers in order. When the client
// goes away while a handler runs, the handler's task is dropped, which cancels its call. A client
// that closed only its sending side looks the same as one that is gone until an answer is sent, so
// it is given HttpOptions::half_close_grace. All on the loop's thread.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loop/loop.h"
#include "loop/scope.h"
#include "loop/task.h"
#include "net/address.h"
#include "net/http_parser.h"
#include "net/stream.h"

namespace trivet::net {

using Request = MessageHead;
using ReplyHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpOptions {
  Duration header_timeout =
      limits::kHttpHeaderTimeout;  // from a request's first byte to its head's end
  Duration body_timeout = limits::kHttpBodyIdleTimeout;  // between two pieces of a body, either way
  // For all of a request's body, and a second more for each `body_rate` bytes of it that have come:
  // one byte at a time is not enough to hold a connection.
  Duration body_grace = 2 * limits::kHttpBodyIdleTimeout;
  size_t body_rate = limits::kKiB;
  Duration keep_alive = limits::kHttpKeepAlive;
  // How long a handler goes on for a client that closed its sending side; Duration::max(): till its
  // end.
  Duration half_close_grace = limits::kHttpHalfCloseGrace;
  size_t max_connections = limits::kHttpConnections;  // more wait in the backlog
};

class Connection;

// What kind of address a connection came in by.
enum class Door : uint8_t { kLoopback, kNetwork, kUnix };

// One request and its answer. Belongs to the connection; valid until the handler's task ends.
class Exchange {
 public:
  explicit Exchange(Connection& connection) : connection_(connection) {}
  const Request& request() const;
  std::string_view peer() const;  // "127.0.0.1:51234", "unix"
  Door door() const;
  // Of a Unix socket's peer, as in Stream.
  uint32_t peer_uid() const;
  std::vector<uint32_t> peer_groups() const;

  // The whole body. kPayloadTooLarge as soon as it is known to be over `limit`, kInvalidRequest
  // when it is malformed or too slow, kCancelled when the client went away.
  loop::Task<Result<std::string>> read_body(size_t limit);
  // The next piece (at most limits::kFrameChunk), empty at the end. The same errors.
  loop::Task<Result<std::string>> read_some();
  // The whole body without waiting, when all of it has come already and is within the limit. Not
  // for chunked bodies.
  std::optional<std::string> body_at_hand(size_t limit);

  // The value of a header that goes with whatever answer is sent, in place of one of that name
  // among its headers. Set it before the answer.
  std::string& own(std::string_view lower_name);

  // The whole answer at once. Content-Length, Date and Connection are added, and are not taken from
  // `headers`, apart from "connection: close"; HEAD, 204 and 304 go without a body.
  loop::Task<Status> reply(int status, const ReplyHeaders& headers, std::string_view body);
  // A streamed answer: begin, write..., finish. Chunked, or ended by closing for HTTP/1.0. Each
  // piece is sent at once. A body that is not `length` bytes long closes the connection.
  loop::Task<Status> begin(int status, const ReplyHeaders& headers, std::optional<uint64_t> length);
  loop::Task<Status> write(std::string_view piece);
  loop::Task<Status> finish();
  // A streamed answer cannot go on: closes the connection without the end mark, so that the client
  // sees it.
  void abort();

  bool replied() const { return replied_; }

 private:
  friend class Connection;
  std::string& head_text(int status, const ReplyHeaders& headers, std::optional<uint64_t> length);
  Instant body_deadline();
  std::string* own_header(std::string_view name);
  void append_headers(std::string& out, const ReplyHeaders& headers);
  void settle_keep_alive();

  Connection& connection_;
  bool replied_ = false;   // a head was sent
  bool finished_ = false;  // the whole answer was sent
  bool chunked_ = false;
  bool bodiless_ = false;   // of a HEAD request, or a status without a body
  bool continued_ = false;  // 100 Continue was sent
  Instant body_since_{};    // its first read that had to wait
  size_t body_bytes_ = 0;
  ReplyHeaders own_headers_;
  std::optional<uint64_t> left_;  // of a streamed answer with a length
};

class HttpServer;

class HttpHandler {
 public:
  // Whose loop a request is to be served on: the connection moves there with the request. nullptr:
  // it stays.
  virtual HttpServer* server_for(const Request&) { return nullptr; }
  // Answers one request. When it returns without an answer the client gets a 500.
  virtual loop::Task<> handle(Exchange& exchange) = 0;

 protected:
  ~HttpHandler() = default;
};

class Listener;

class HttpServer {
 public:
  HttpServer(loop::Loop& loop, HttpHandler& handler, HttpOptions options);
  ~HttpServer();

  // The address with the port that was chosen. kIo when it cannot be had.
  Result<Address> listen(Address address, Sharing sharing = Sharing::kNone);
  // Takes a listening socket that somebody else opened (socket activation): the address it listens
  // on. kInvalidRequest when it is not one.
  Result<Address> adopt(os::Fd listening);
  // Goes on with a connection that another server began; `unread` came and was not used yet. Any
  // thread, while the loop lives.
  void take_over(os::Fd connection, Door door, std::string unread);
  void stop_accepting();
  // Stops accepting, closes idle connections, waits for answers that are under way until the
  // deadline, then drops them.
  loop::Task<> drain(Instant deadline);
  size_t connections() const { return scope_.size(); }

 private:
  friend class Connection;
  friend class Exchange;
  void add_listener(os::Fd socket, Door door);
  void on_room();

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
