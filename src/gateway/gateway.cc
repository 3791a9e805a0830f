#include "gateway/gateway.h"

#include "base/ids.h"
#include "gateway/problem.h"

namespace trivet::gateway {
namespace {

constexpr std::string_view kFunction = "/function/";
constexpr std::string_view kAlyx = "/api/functions";

bool is_admin(std::string_view path) {
  return path.starts_with("/v1/") || path == "/healthz" || path == "/readyz" ||
         path == "/metrics" || path == "/openapi.json" || path == "/";
}

}  // namespace

loop::Task<> Gateway::handle(net::Exchange& exchange) {
  const net::Request& request = exchange.request();
  std::string_view path = request.path;
  bool is_probe = path == "/healthz" || path == "/readyz";
  if (!is_probe && !allowed(request)) {
    Error error{ErrorCode::kUnauthorized, "this server asks for a token",
                "send Authorization: Bearer TOKEN"};
    co_await reply_problem(exchange, std::move(error), std::string{});
    co_return;
  }
  if (path.starts_with(kFunction)) {
    std::string_view rest = path.substr(kFunction.size());
    size_t slash = std::min(rest.find('/'), rest.size());
    std::string function{rest.substr(0, slash)};
    std::string inner = slash == rest.size() ? "/" : std::string{rest.substr(slash)};
    co_await handle_native(*this, exchange, std::move(function), std::move(inner));
  } else if (path.starts_with(kAlyx) &&
             (path.size() == kAlyx.size() || path[kAlyx.size()] == '/')) {
    co_await handle_alyx(*this, exchange, std::string{path.substr(kAlyx.size())});
  } else if (path == "/v1/echo" && request.method == "POST") {
    co_await handle_echo(*this, exchange);
  } else if (is_admin(path)) {
    co_await handle_admin(*this, exchange, std::string{path});
  } else {
    co_await route_or_404(exchange);
  }
}

bool Gateway::allowed(const net::Request& request) const {
  if (config_.access_token.empty()) return true;
  auto header = request.header("authorization");
  constexpr std::string_view kScheme = "Bearer ";
  return header && header->starts_with(kScheme) &&
         equal_in_constant_time(config_.access_token, header->substr(kScheme.size()));
}

loop::Task<> Gateway::route_or_404(net::Exchange& exchange) {
  const net::Request& request = exchange.request();
  Routes::Match match;
  if (routes_) match = routes_->find(request.method, request.path);
  if (match.verdict == Routes::Verdict::kFound) {
    co_await handle_native(*this, exchange, match.function, std::string{request.path});
    co_return;
  }
  Error error{ErrorCode::kNotFound, "nothing is served at " + std::string{request.path},
              "functions are called at /function/NAME"};
  if (match.verdict == Routes::Verdict::kWrongMethod)
    error = {ErrorCode::kMethodNotAllowed,
             std::string{request.method} + " is not served at " + std::string{request.path}};
  co_await reply_problem(exchange, std::move(error), std::string{});
}

}  // namespace trivet::gateway
