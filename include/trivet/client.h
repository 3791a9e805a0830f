#pragma once
// Client: talks to a running trivet server over TCP or a Unix socket. Blocking; one thread per
// Client.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "trivet/host.h"

namespace trivet {

struct ClientReply {
  int status = 0;
  HeaderPairs headers;  // lower-case names
  std::string body;
  std::string_view header(std::string_view lower_name) const;  // empty when there is none
};

class Client {
 public:
  // `server`: "http://127.0.0.1:7007", "unix:PATH". `token` may be empty. kUnavailable when nobody
  // answers there.
  static Result<std::unique_ptr<Client>> connect(std::string_view server, std::string_view token,
                                                 int64_t timeout_ms);
  virtual ~Client() = default;

  // Any HTTP status is a reply; only what prevents one is an error.
  virtual Result<ClientReply> request(std::string_view method, std::string_view target,
                                      const HeaderPairs& headers, std::string_view body) = 0;
  // The body in pieces as it comes; `on_piece` returns false to stop.
  virtual Result<ClientReply> stream(std::string_view method, std::string_view target,
                                     const std::function<bool(std::string_view)>& on_piece) = 0;
};

}  // namespace trivet
