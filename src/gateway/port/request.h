#pragma once
// What a peer asks of the port, read from its terms. Pure.
//
//   {call, Id, Pool, Module, Function, Args, TimeoutMs}   {cast, Pool, Module, Function, Args}
//   {start_pool, Id, Pool, Runtime, Options}              {stop_pool, Id, Pool}
//   {ping, Id, Pool}                                      {stats, Id}
//
// Names are atoms, binaries or strings. Id is any term, and comes back as it is.

#include <optional>
#include <string>
#include <variant>

#include "base/clock.h"
#include "base/result.h"
#include "catalog/function.h"
#include "wire/etf.h"

namespace trivet::gateway {

struct PortCall {
  std::optional<wire::Term> id;  // none: a cast
  std::string pool, module, function;
  std::string args;                 // a JSON array
  std::optional<Duration> timeout;  // none: as long as the pool allows
};
struct PortStart {
  wire::Term id;
  std::string pool;
  catalog::FunctionSpec spec;  // without a name
};
struct PortStop {
  wire::Term id;
  std::string pool;
};
struct PortPing {
  wire::Term id;
  std::string pool;
};
struct PortStats {
  wire::Term id;
};
using PortRequest = std::variant<PortCall, PortStart, PortStop, PortPing, PortStats>;

// The Id of a request that may be wrong otherwise: the second of any tuple that is no cast.
std::optional<wire::Term> id_of(const wire::Term& term);
// kInvalidRequest says what is wrong.
Result<PortRequest> read_request(const wire::Term& term);

// Options of a pool, a map or a list of pairs, as a function of the interface `module`. An option
// that nobody knows is an error with the nearest one as its hint.
Result<catalog::FunctionSpec> read_pool_options(const std::string& runtime,
                                                const wire::Term& options);

// The name of the function that serves a pool: the pool's own when functions can have it.
std::string function_of_pool(const std::string& pool);

}  // namespace trivet::gateway
