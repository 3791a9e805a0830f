#pragma once
// One client's connection: its socket, what it sent and was not used yet, and the request it is on.

#include <string>

#include "net/http_server.h"

namespace trivet::net {

class Connection : public loop::Link {
 public:
  Connection(HttpServer& server, os::Fd fd);

  // Serves request after request until the connection ends.
  static loop::Task<> serve(HttpServer& server, os::Fd fd);
  // Ends it now when it waits for a request; else after the answer.
  void close_when_idle();

 private:
  friend class Exchange;
  enum class Got { kData, kEnd, kTimeout };

  loop::Task<> run();
  loop::Task<bool> read_head();
  loop::Task<> handle_request();
  loop::Task<> run_handler(Exchange& exchange);
  loop::Task<bool> skip_body();
  loop::Task<Got> fill(Instant deadline);
  ssize_t read_now();
  loop::Task<Status> send(std::string_view head, std::string_view body);
  loop::Task<> refuse(int status, std::string message);
  loop::Loop& loop() { return server_.loop_; }
  std::string_view unread() const { return {in_.data() + begin_, end_ - begin_}; }
  void consume(size_t count);

  HttpServer& server_;
  os::Fd fd_;
  loop::Watch watch_;
  HttpParser parser_{MessageKind::kRequest};
  std::string in_;  // read from the socket; unread() is not used yet
  size_t begin_ = 0, end_ = 0;
  std::string out_;      // answers are built here
  loop::Event handled_;  // the handler has ended, or the client has gone
  bool handler_ended_ = false;
  bool close_ = false;    // after the answer
  bool idle_ = true;      // waits for a request
  bool closing_ = false;  // close_when_idle() was asked
};

}  // namespace trivet::net
