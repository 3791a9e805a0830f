#include "gateway/access.h"

#include <unistd.h>

#include <algorithm>

#include "base/ids.h"
#include "gateway/foreign_page.h"

namespace trivet::gateway {
namespace {

constexpr std::string_view kFunction = "/function/", kAsync = "/async-function/";
constexpr std::string_view kAlyx = "/api/functions";

bool is_bearer(std::string_view scheme) {  // schemes have no case
  constexpr std::string_view kBearer = "bearer ";
  return std::equal(scheme.begin(), scheme.end(), kBearer.begin(), kBearer.end(),
                    [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
}

vault::Scopes everything() {
  vault::Scopes scopes;
  scopes.admin = true;
  return scopes;
}

Demand alyx_demand(bool reads, std::string_view path) {
  if (reads) return {Need::kRead, {}};
  bool is_call = path.size() > 1 && path != "/reload";
  return is_call ? Demand{Need::kInvoke, std::string{path.substr(1)}} : Demand{Need::kAdmin, {}};
}

Demand admin_demand(bool reads, std::string_view path) {
  if (path == "/healthz" || path == "/readyz") return {Need::kNothing, {}};
  if (path == "/openapi.json") return {Need::kCaller, {}};
  bool is_private = path.starts_with("/v1/tokens");
  return {reads && !is_private ? Need::kRead : Need::kAdmin, {}};
}

Error forbidden(const Caller& caller, const std::string& scope) {
  std::string who = caller.who.empty() ? "whoever uses this socket" : caller.who;
  return {ErrorCode::kForbidden, who + " may not do this: it needs the scope " + scope,
          "make a token that may: trivet token new --scope " + scope};
}

}  // namespace

Way way_of(std::string_view path) {
  if (path.starts_with(kFunction)) return Way::kFunction;
  if (path.starts_with(kAlyx) && (path.size() == kAlyx.size() || path[kAlyx.size()] == '/'))
    return Way::kAlyx;
  if (path == "/v1/echo") return Way::kEcho;
  bool is_admin = path.starts_with("/v1/") || path == "/healthz" || path == "/readyz" ||
                  path == "/metrics" || path == "/openapi.json";
  return is_admin ? Way::kAdmin : Way::kOther;
}

std::string_view named_function(std::string_view path) {
  path.remove_prefix(kFunction.size());
  return path.substr(0, path.find('/'));
}

std::string_view alyx_path(std::string_view path) { return path.substr(kAlyx.size()); }

Demand demand_of(std::string_view method, std::string_view path, const Routes* routes) {
  bool reads = method == "GET" || method == "HEAD";
  switch (way_of(path)) {
    case Way::kFunction:
      return {Need::kInvoke, std::string{named_function(path)}};
    case Way::kAlyx:
      return alyx_demand(reads, alyx_path(path));
    case Way::kEcho:
      return {Need::kCaller, {}};
    case Way::kAdmin:
      return admin_demand(reads, path);
    case Way::kOther:
      break;
  }
  if (path.starts_with(kAsync)) return {Need::kInvoke, std::string{path.substr(kAsync.size())}};
  Routes::Match match;
  if (routes) match = routes->find(method, path);
  if (match.verdict != Routes::Verdict::kFound) return {Need::kCaller, {}};
  return {match.is_public ? Need::kNothing : Need::kInvoke, match.function};
}

bool Access::asks_for_token(net::Door door) const {
  if (door == net::Door::kUnix) return false;
  if (!config_.token.empty()) return true;
  return door == net::Door::kNetwork ? !config_.open_network : config_.require_token;
}

// Whoever is at the other end of a Unix socket, when that is enough to be let in.
std::optional<Caller> Access::peer(const net::Exchange& exchange) const {
  uint32_t uid = exchange.peer_uid();
  if (uid == 0 || uid == geteuid()) return Caller{everything(), {}};
  if (!config_.socket_group) return std::nullopt;
  auto groups = exchange.peer_groups();
  if (std::find(groups.begin(), groups.end(), *config_.socket_group) == groups.end())
    return std::nullopt;
  Caller caller;
  caller.scopes = {};
  caller.scopes.read = caller.scopes.invoke = true;
  return caller;
}

Result<Caller> Access::bearer(const net::Exchange& exchange) const {
  constexpr size_t kScheme = std::string_view{"Bearer "}.size();
  auto header = exchange.request().header("authorization");
  if (!header || !is_bearer(header->substr(0, kScheme)))
    return Error{ErrorCode::kUnauthorized, "this server asks for a token",
                 "send Authorization: Bearer TOKEN; trivet token new makes one"};
  std::string_view token = header->substr(kScheme);
  if (!config_.token.empty() && equal_in_constant_time(config_.token, token))
    return Caller{everything(), "the operator's token"};
  if (config_.tokens)
    if (auto row = config_.tokens->verify(token, clock_.unix_ms()))
      return Caller{row->scopes, "token " + (row->name.empty() ? row->id : row->name)};
  return Error{ErrorCode::kUnauthorized, "the token is unknown, or has expired",
               "trivet token new makes another"};
}

Result<Caller> Access::identify(const net::Exchange& exchange) const {
  net::Door door = exchange.door();
  if (door == net::Door::kUnix) {
    if (auto caller = peer(exchange)) return std::move(*caller);
    if (exchange.request().header("authorization")) return bearer(exchange);
    return Error{ErrorCode::kForbidden, "this socket serves the user who runs the server, and root",
                 "send Authorization: Bearer TOKEN, or serve a group: --socket-group GROUP"};
  }
  if (asks_for_token(door)) return bearer(exchange);
  if (door == net::Door::kLoopback)
    if (auto refused = refuse_foreign_page(exchange.request())) return std::move(*refused);
  return Caller{everything(), {}};
}

std::optional<Error> Access::refusal(const Caller& caller, const Demand& demand) {
  switch (demand.need) {
    case Need::kNothing:
    case Need::kCaller:
      return std::nullopt;
    case Need::kInvoke:
      if (caller.scopes.may_invoke(demand.function)) return std::nullopt;
      return forbidden(caller, "invoke:" + demand.function);
    case Need::kRead:
      if (caller.scopes.may_read()) return std::nullopt;
      return forbidden(caller, "read");
    case Need::kAdmin:
      break;
  }
  if (caller.scopes.admin) return std::nullopt;
  return forbidden(caller, "admin");
}

bool Access::takes_authorization(const net::Exchange& exchange) const {
  if (!exchange.request().header("authorization")) return false;
  return exchange.door() == net::Door::kUnix ? !peer(exchange) : asks_for_token(exchange.door());
}

}  // namespace trivet::gateway
