#pragma once
// Who may ask for what. demand_of() is the table of routes; Access knows who is asking.
//
// A request that comes in by a Unix socket is known by the user id of its peer; one by a network
// address needs an access token; one by a loopback address needs none, unless the operator wants
// one. docs/ACCESS.md says it for users.

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "gateway/routes.h"
#include "net/http_server.h"
#include "vault/tokens.h"

namespace trivet::gateway {

// The ways in, by path.
enum class Way { kFunction, kAlyx, kEcho, kAdmin, kOther };
Way way_of(std::string_view path);
// "hello" of /function/hello/more.
std::string_view named_function(std::string_view path);
// What follows /api/functions.
std::string_view alyx_path(std::string_view path);

enum class Need {
  kNothing,  // health, and routes of functions that say so
  kCaller,   // any token that is good
  kInvoke,   // may call that function
  kRead,
  kAdmin,
};
struct Demand {
  Need need = Need::kAdmin;
  std::string function;  // of kInvoke
};
// Pure. What is no route needs a token, too: who has none learns nothing.
Demand demand_of(std::string_view method, std::string_view path, const Routes* routes);

struct AccessConfig {
  std::string token;                     // of the operator, may do everything; empty: there is none
  bool require_token = false;            // on loopback addresses, too
  bool open_network = false;             // a network address asks for none
  std::optional<uint32_t> socket_group;  // its members may call and read by Unix sockets
  const vault::AccessTokens* tokens = nullptr;
};

struct Caller {
  vault::Scopes scopes;
  std::string who;  // "token ci"; empty: known by where it comes from alone
};

class Access {
 public:
  Access(AccessConfig config, const Clock& clock) : config_(std::move(config)), clock_(clock) {}

  // Who sent the request. kUnauthorized, kForbidden.
  Result<Caller> identify(const net::Exchange& exchange) const;
  // Why that caller may not have what it asks for.
  static std::optional<Error> refusal(const Caller& caller, const Demand& demand);
  // Is an Authorization header meant for us? Then no function sees it.
  bool takes_authorization(const net::Exchange& exchange) const;

 private:
  bool asks_for_token(net::Door door) const;
  std::optional<Caller> peer(const net::Exchange& exchange) const;
  Result<Caller> bearer(const net::Exchange& exchange) const;

  const AccessConfig config_;
  const Clock& clock_;
};

}  // namespace trivet::gateway
