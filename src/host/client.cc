// The HTTP client behind include/trivet/client.h.
#include "trivet/client.h"
#include "net/http_client.h"

namespace trivet {
namespace {

class HttpClient final : public Client {
 public:
  HttpClient(net::HttpClient client, std::string token)
      : client_(std::move(client)), token_(std::move(token)) {}

  Result<ClientReply> request(std::string_view method, std::string_view target,
                              const HeaderPairs& headers, std::string_view body) override {
    auto response = client_.request(method, target, with_token(headers), body);
    if (!response) return std::move(response).error();
    return ClientReply{response->status, std::move(response->headers), std::move(response->body)};
  }

  Result<ClientReply> stream(std::string_view method, std::string_view target,
                             const std::function<bool(std::string_view)>& on_piece) override {
    net::Response head;
    Status done = client_.stream(method, target, with_token({}), on_piece, head);
    if (!done) return std::move(done).error();
    return ClientReply{head.status, std::move(head.headers), {}};
  }

 private:
  HeaderPairs with_token(HeaderPairs headers) const {
    if (!token_.empty()) headers.emplace_back("authorization", "Bearer " + token_);
    return headers;
  }

  net::HttpClient client_;
  std::string token_;
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
  Duration timeout = timeout_ms < 0 ? Duration::max() : std::chrono::milliseconds{timeout_ms};
  auto client = net::HttpClient::connect(*address, timeout);
  if (!client) return std::move(client).error();
  return std::unique_ptr<Client>{
      std::make_unique<HttpClient>(std::move(*client), std::string{token})};
}

}  // namespace trivet
