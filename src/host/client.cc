// The blocking HTTP client behind include/trivet/client.h.
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/clock.h"
#include "net/address.h"
#include "net/http_parser.h"
#include "trivet/client.h"

namespace trivet {
namespace {

constexpr size_t kReadSize = 64 * limits::kKiB;

class HttpClient final : public Client {
 public:
  HttpClient(net::Address address, std::string token, int64_t timeout_ms)
      : address_(std::move(address)), token_(std::move(token)), timeout_ms_(timeout_ms) {}

  Status open() {
    auto fd = net::connect_to(address_);
    if (!fd) return std::move(fd).error();
    fd_ = std::move(*fd);
    in_.clear();
    return {};
  }

  Result<ClientReply> request(std::string_view method, std::string_view target,
                              const HeaderPairs& headers, std::string_view body) override {
    return exchange(method, target, headers, body, nullptr);
  }
  Result<ClientReply> stream(std::string_view method, std::string_view target,
                             const std::function<bool(std::string_view)>& on_piece) override {
    return exchange(method, target, {}, {}, &on_piece);
  }

 private:
  using OnPiece = const std::function<bool(std::string_view)>*;

  Result<ClientReply> exchange(std::string_view method, std::string_view target,
                               const HeaderPairs& headers, std::string_view body,
                               OnPiece on_piece) {
    if (!fd_)
      if (Status opened = open(); !opened) return std::move(opened).error();
    if (Status sent = send_all(head_text(method, target, headers, body.size())); !sent)
      return std::move(sent).error();
    if (Status sent = send_all(body); !sent) return std::move(sent).error();
    return receive(method == "HEAD", on_piece);
  }

  std::string head_text(std::string_view method, std::string_view target,
                        const HeaderPairs& headers, size_t size) const {
    std::string out;
    out.append(method).append(" ").append(target).append(" HTTP/1.1\r\nhost: ");
    out.append(address_.kind == net::Address::Kind::kUnix ? "localhost" : address_.text())
        .append("\r\n");
    if (!token_.empty()) out.append("authorization: Bearer ").append(token_).append("\r\n");
    for (const auto& [name, value] : headers)
      out.append(name).append(": ").append(value).append("\r\n");
    out.append("content-length: ").append(std::to_string(size)).append("\r\n\r\n");
    return out;
  }

  Status send_all(std::string_view bytes) {
    while (!bytes.empty()) {
      ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EPIPE)
        return {};  // the server has answered and closed: its answer tells why
      if (n < 0) return lost();
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return {};
  }

  Error lost() {
    fd_.reset();
    return {ErrorCode::kUnavailable, "the connection to " + address_.text() + " was lost",
            "is the server still running?"};
  }

  // More bytes into in_; false at the end of the connection.
  Result<bool> fill(int64_t timeout_ms) {
    pollfd p{fd_.get(), POLLIN, 0};
    int n = ::poll(&p, 1, timeout_ms < 0 ? -1 : static_cast<int>(timeout_ms));
    if (n < 0 && errno == EINTR) return true;
    if (n == 0) {
      fd_.reset();
      return Error{ErrorCode::kFunctionTimeout, "no answer from " + address_.text() + " within " +
                                                    std::to_string(timeout_ms) + " ms"};
    }
    size_t have = in_.size();
    in_.resize(have + kReadSize);
    ssize_t got = ::recv(fd_.get(), in_.data() + have, kReadSize, 0);
    in_.resize(have + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    return got > 0;
  }

  Result<ClientReply> receive(bool no_body, OnPiece on_piece) {
    net::HttpParser parser{net::MessageKind::kResponse};
    size_t length = 0;
    while ((length = net::HttpParser::head_length(in_)) == 0) {
      auto more = fill(timeout_ms_);
      if (!more) return std::move(more).error();
      if (!*more) return lost();
    }
    auto fault = parser.parse_head(std::string_view{in_}.substr(0, length));
    in_.erase(0, length);
    if (fault)
      return Error{ErrorCode::kUnavailable,
                   address_.text() + " does not answer as an HTTP server: " + fault->message};
    if (parser.head().status == 100) return receive(no_body, on_piece);
    ClientReply reply;
    reply.status = parser.head().status;
    for (const auto& h : parser.head().headers) reply.headers.emplace_back(h.name, h.value);
    bool keep = parser.head().keep_alive;
    while (!no_body && !parser.body_done()) {
      if (in_.empty()) {
        auto more = fill(on_piece ? -1 : timeout_ms_);
        if (!more) return std::move(more).error();
        if (!*more) {
          bool until_close = !parser.head().chunked && !parser.head().content_length;
          if (!until_close) return lost();
          keep = false;
          break;
        }
      }
      size_t before = reply.body.size();
      auto taken = parser.take_body(in_, reply.body);
      if (!taken) return std::move(taken).error();
      in_.erase(0, *taken);
      if (*taken == 0) {
        auto more = fill(timeout_ms_);
        if (!more || !*more) return lost();
      }
      if (!on_piece || reply.body.size() == before) continue;
      bool go_on = (*on_piece)(reply.body);
      reply.body.clear();
      if (!go_on) {
        keep = false;
        break;
      }
    }
    if (!keep) fd_.reset();
    return reply;
  }

  net::Address address_;
  std::string token_;
  int64_t timeout_ms_;
  os::Fd fd_;
  std::string in_;
};

}  // namespace

std::string_view ClientReply::header(std::string_view lower_name) const {
  for (const auto& [name, value] : headers)
    if (name == lower_name) return value;
  return {};
}

Result<std::unique_ptr<Client>> Client::connect(std::string_view server, std::string_view token,
                                                int64_t timeout_ms) {
  auto address = net::Address::parse(server);
  if (!address) return std::move(address).error();
  auto client = std::make_unique<HttpClient>(std::move(*address), std::string{token}, timeout_ms);
  if (Status opened = client->open(); !opened) return std::move(opened).error();
  return std::unique_ptr<Client>{std::move(client)};
}

}  // namespace trivet
