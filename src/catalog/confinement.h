#pragma once
// What a manifest says about confinement: `sandbox:` and the limits of a worker, checked, and with
// the level that the operator demands; and what they take away from the default.

#include <optional>
#include <string>
#include <vector>

#include "catalog/manifest.h"

namespace trivet::catalog {

// sandbox: {level, net, read, write}. Paths must be there, and nothing that every function shares.
void read_sandbox(Reader& reader, const ManifestContext& context, FunctionSpec& spec);

// memory, cpu, pids, files, disk and logs, out of `limits`. "none" lifts one.
void read_worker_limits(Reader& limits, FunctionSpec& spec);
// memory alone; a number without a unit is so many `bare_unit`.
void read_memory(Reader& reader, FunctionSpec& spec, size_t bare_unit);

// Gives a function without a level of its own the operator's. kInvalidManifest, with what to write,
// when its own is lower.
std::optional<Error> settle_level(FunctionSpec& spec, sandbox::Level floor);

// One thing that the level sandbox would keep from a function, and who has allowed it.
struct Weakening {
  std::string what;     // "level process", "net api.example.com:443", "write /data", "memory none"
  std::string_view by;  // "manifest" or "operator"
  bool operator==(const Weakening&) const = default;
};
std::vector<Weakening> weakenings(const FunctionSpec& spec);

}  // namespace trivet::catalog
