#pragma once
// A blocking HTTP/1.1 client for command lines and tests: one connection, kept alive from request
// to request, opened again when the server closed it in between.
//
// The timeout bounds connecting and each wait for bytes of an answer. One thread.

#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "net/address.h"
#include "net/http_server.h"

namespace trivet::net {

struct Response {
  int status = 0;
  ReplyHeaders headers;  // lower-case names
  std::string body;
  std::string_view header(std::string_view lower_name) const;  // empty when there is none
};

class HttpClient {
 public:
  // kUnavailable when nobody answers there.
  static Result<HttpClient> connect(const Address& address, Duration timeout);

  // Any status is a response. kUnavailable when the connection is lost, kFunctionTimeout when the
  // answer does not come in time.
  Result<Response> request(std::string_view method, std::string_view target,
                           const ReplyHeaders& headers, std::string_view body);

  // The answer's body in pieces as they come, without a time limit between them; `on_piece` returns
  // false to stop, which closes the connection. `head` is filled before the first piece; its body
  // stays empty.
  Status stream(std::string_view method, std::string_view target, const ReplyHeaders& headers,
                const std::function<bool(std::string_view piece)>& on_piece, Response& head);

 private:
  using OnPiece = std::function<bool(std::string_view piece)>;

  HttpClient(Address address, Duration timeout) : address_(std::move(address)), timeout_(timeout) {}
  Status open();
  Status exchange(std::string_view method, std::string_view target, const ReplyHeaders& headers,
                  std::string_view body, const OnPiece& on_piece, Duration patience,
                  Response& response);
  Status send(std::string_view head, std::string_view body);
  Status receive_head(HttpParser& parser);
  Status receive_body(HttpParser& parser, const OnPiece& on_piece, Duration patience);
  Result<bool> fill(Duration patience);
  std::string head_text(std::string_view method, std::string_view target,
                        const ReplyHeaders& headers, size_t size) const;
  bool is_closed() const;
  Error lost();

  Address address_;
  Duration timeout_;
  os::Fd fd_;
  std::string in_;      // read and not used
  bool used_ = false;   // the connection has served a request
  bool silent_ = true;  // nothing of the current answer has come
};

}  // namespace trivet::net
