#pragma once
// One client's connection: its stream, and the request it is on.
//
// Two coroutines: one serves request after request, the other stands beside it and drops it, with
// the handler that it is in, when the client goes away.

#include <string>

#include "net/http_server.h"
#include "net/stream.h"

namespace trivet::net {

class Connection : public loop::Link {
 public:
  // Serves until the connection ends.
  static loop::Task<> serve(HttpServer& server, os::Fd fd, Door door, std::string unread);
  Connection(HttpServer& server, os::Fd fd, Door door, std::string_view unread);
  ~Connection();

  // Ends it now when it waits for a request; else after the answer.
  void close_when_idle();

 private:
  friend class Exchange;
  static constexpr size_t kSkipMost = 1 * limits::kMiB;  // of a body nobody read; more closes
  enum class Head { kPartial, kWhole, kRefused, kElsewhere };

  loop::Task<> run();
  loop::Task<> serve_requests();
  loop::Task<bool> wait_for_more();
  Head read_head();
  loop::Task<> answer();
  loop::Task<bool> skip_body();
  Result<size_t> take_body(std::string& piece);
  loop::Task<Status> send(Stream::Parts parts);
  loop::Task<> refuse(HttpFault fault);
  loop::Task<> linger();
  loop::Loop& loop() { return server_.loop_; }
  const HttpOptions& options() const { return server_.options_; }

  HttpServer& server_;
  const Door door_;
  HttpServer* elsewhere_ = nullptr;  // where the connection is to go on
  Stream stream_;
  HttpParser parser_{MessageKind::kRequest};
  HttpFault fault_;                   // why a head was refused
  std::string out_;                   // heads and small answers are built here
  std::string peer_;                  // filled when asked for
  std::optional<uint32_t> peer_uid_;  // likewise
  loop::Event changed_;               // the client hung up, or the last request was served
  Instant head_deadline_ = kNever;    // of the request whose first byte has come
  size_t seen_ = 0;                   // bytes of a partial head that hold no end
  size_t answered_ = 0;
  bool idle_ = true;       // waits for a request's first byte
  bool handling_ = false;  // a handler runs
  bool close_ = false;     // after the answer
  bool closing_ = false;   // close_when_idle() was asked
  bool linger_ = false;    // the client may still be sending when we close
};

}  // namespace trivet::net
