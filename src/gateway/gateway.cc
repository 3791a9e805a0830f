#include "gateway/gateway.h"

#include <algorithm>

#include "base/ids.h"
#include "gateway/foreign_page.h"
#include "gateway/problem.h"

namespace trivet::gateway {
namespace {

constexpr std::string_view kFunction = "/function/";
constexpr std::string_view kAlyx = "/api/functions";

bool is_admin(std::string_view path) {
  return path.starts_with("/v1/") || path == "/healthz" || path == "/readyz" ||
         path == "/metrics" || path == "/openapi.json";
}

bool is_alyx(std::string_view path) {
  return path.starts_with(kAlyx) && (path.size() == kAlyx.size() || path[kAlyx.size()] == '/');
}

// "hello" of /function/hello/more.
std::string_view named_function(std::string_view path) {
  path.remove_prefix(kFunction.size());
  return path.substr(0, path.find('/'));
}

// What every shard can answer for the host.
bool is_for_anybody(std::string_view path) {
  return path == "/v1/echo" || path == "/healthz" || path == "/readyz" || path == "/openapi.json";
}

bool is_bearer(std::string_view scheme) {  // schemes have no case
  constexpr std::string_view kBearer = "bearer ";
  return std::equal(scheme.begin(), scheme.end(), kBearer.begin(), kBearer.end(),
                    [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
}

}  // namespace

loop::Task<> Gateway::handle(net::Exchange& exchange) {
  auto given = exchange.request().header("x-call-id");
  exchange.own("x-call-id") =
      given && is_call_id(*given) ? std::string{*given} : new_call_id(sources_.clock.unix_ms());
  auto refused = refusal(exchange);
  if (refused) {
    co_await reply_problem(exchange, std::move(*refused));
    co_return;
  }
  co_await route(exchange);
}

net::HttpServer* Gateway::server_for(const net::Request& request) {
  if (!config_.home) return nullptr;
  std::string_view path = request.path;
  if (path.starts_with(kFunction)) return config_.home(named_function(path));
  if (is_for_anybody(path)) return nullptr;
  if (is_admin(path) || is_alyx(path)) return config_.home({});
  Routes::Match match;
  if (routes_) match = routes_->find(request.method, path);
  return match.verdict == Routes::Verdict::kFound ? config_.home(match.function) : nullptr;
}

// Why this request is not served, whatever it is about.
std::optional<Error> Gateway::refusal(net::Exchange& exchange) const {
  const net::Request& request = exchange.request();
  if (config_.access_token.empty())
    return exchange.peer() == "unix" ? std::nullopt : refuse_foreign_page(request);
  bool is_probe = request.path == "/healthz" || request.path == "/readyz";
  if (is_probe || allowed(request)) return std::nullopt;
  return Error{ErrorCode::kUnauthorized, "this server asks for a token",
               "send Authorization: Bearer TOKEN"};
}

loop::Task<> Gateway::route(net::Exchange& exchange) {
  const net::Request& request = exchange.request();
  std::string_view path = request.path;
  if (path.starts_with(kFunction)) {
    std::string function{named_function(path)};
    std::string inner{path.substr(kFunction.size() + function.size())};
    if (inner.empty()) inner = "/";
    co_await handle_native(*this, exchange, std::move(function), std::move(inner));
  } else if (is_alyx(path)) {
    co_await handle_alyx(*this, exchange, std::string{path.substr(kAlyx.size())});
  } else if (path == "/v1/echo" && request.method == "POST") {
    co_await handle_echo(*this, exchange);
  } else if (is_admin(path)) {
    co_await handle_admin(*this, exchange, std::string{path});
  } else {
    bool answered = co_await try_routes(exchange);
    if (answered) co_return;
    if (path == "/") {  // ours when no function asked for it
      co_await handle_admin(*this, exchange, std::string{path});
      co_return;
    }
    Error error{ErrorCode::kNotFound, "nothing is served at " + std::string{path},
                "functions are called at /function/NAME"};
    co_await reply_problem(exchange, std::move(error));
  }
}

bool Gateway::allowed(const net::Request& request) const {
  auto header = request.header("authorization");
  constexpr size_t kScheme = std::string_view{"Bearer "}.size();
  return header && is_bearer(header->substr(0, kScheme)) &&
         equal_in_constant_time(config_.access_token, header->substr(kScheme));
}

loop::Task<bool> Gateway::try_routes(net::Exchange& exchange) {
  const net::Request& request = exchange.request();
  Routes::Match match;
  if (routes_) match = routes_->find(request.method, request.path);
  if (match.verdict == Routes::Verdict::kNone) co_return false;
  if (match.verdict == Routes::Verdict::kFound) {
    co_await handle_native(*this, exchange, match.function, std::string{request.path});
    co_return true;
  }
  Error error = wrong_method(request, match.allow);
  co_await reply_problem(exchange, std::move(error));
  co_return true;
}

}  // namespace trivet::gateway
