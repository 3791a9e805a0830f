#include "gateway/gateway.h"

#include "base/ids.h"
#include "gateway/problem.h"

namespace trivet::gateway {
namespace {

// What every shard can answer for the host.
bool is_for_anybody(std::string_view path) {
  return path == "/v1/echo" || path == "/healthz" || path == "/readyz" || path == "/openapi.json";
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
  Way way = way_of(path);
  if (way == Way::kFunction) return config_.home(named_function(path));
  if (is_for_anybody(path)) return nullptr;
  if (way == Way::kAdmin || way == Way::kAlyx) return config_.home({});
  Routes::Match match;
  if (routes_) match = routes_->find(request.method, path);
  return match.verdict == Routes::Verdict::kFound ? config_.home(match.function) : nullptr;
}

// Why this request is not served, whatever it is about. Who was refused, and who may change
// things, is written down.
std::optional<Error> Gateway::refusal(net::Exchange& exchange) {
  const net::Request& request = exchange.request();
  Demand demand = demand_of(request.method, request.path, routes_.get());
  if (demand.need == Need::kNothing && exchange.door() != net::Door::kLoopback) return std::nullopt;
  auto caller = access_.identify(exchange);
  bool is_foreign = !caller && caller.error().code == ErrorCode::kForbidden;
  if (demand.need == Need::kNothing && !is_foreign) return std::nullopt;
  std::optional<Error> refused;
  if (!caller)
    refused = caller.error();
  else
    refused = Access::refusal(*caller, demand);
  if (!refused && demand.need != Need::kAdmin) return std::nullopt;
  std::string who = caller ? caller->who : "";
  if (who.empty() && exchange.door() == net::Door::kUnix)
    who = "uid " + std::to_string(exchange.peer_uid());
  else if (who.empty())
    who = exchange.peer();
  audit_.tell({who, request.method, request.path, exchange.own("x-call-id"),
               refused ? traits(refused->code).http_status : 0});
  return refused;
}

loop::Task<> Gateway::route(net::Exchange& exchange) {
  const net::Request& request = exchange.request();
  std::string_view path = request.path;
  Way way = way_of(path);
  if (way == Way::kFunction) {
    std::string function{named_function(path)};
    std::string inner{path.substr(std::string_view{"/function/"}.size() + function.size())};
    if (inner.empty()) inner = "/";
    co_await handle_native(*this, exchange, std::move(function), std::move(inner),
                           Audience::kCallers);
  } else if (way == Way::kAlyx) {
    co_await handle_alyx(*this, exchange, std::string{alyx_path(path)});
  } else if (way == Way::kEcho && request.method == "POST") {
    co_await handle_echo(*this, exchange);
  } else if (way == Way::kAdmin || way == Way::kEcho) {
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

loop::Task<bool> Gateway::try_routes(net::Exchange& exchange) {
  const net::Request& request = exchange.request();
  Routes::Match match;
  if (routes_) match = routes_->find(request.method, request.path);
  if (match.verdict == Routes::Verdict::kNone) co_return false;
  if (match.verdict == Routes::Verdict::kFound) {
    Audience audience = match.is_public ? Audience::kAnybody : Audience::kCallers;
    co_await handle_native(*this, exchange, match.function, std::string{request.path}, audience);
    co_return true;
  }
  Error error = wrong_method(request, match.allow);
  co_await reply_problem(exchange, std::move(error));
  co_return true;
}

}  // namespace trivet::gateway
