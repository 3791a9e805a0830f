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

// What the heap of a language may take, in MiB: three quarters of limits.memory, so that its own
// "out of memory" comes before the kernel's end of the worker. Of this machine's memory where
// nothing limits it: below level sandbox, or with "none".
int64_t heap_mib(const sandbox::Policy& policy);

// One thing that the level sandbox would keep from a function, and who has allowed it.
struct Weakening {
  std::string what;     // "level process", "net api.example.com:443", "write /data", "memory none"
  std::string_view by;  // "manifest", "operator" or "machine"
  bool operator==(const Weakening&) const = default;
};
std::vector<Weakening> weakenings(const FunctionSpec& spec);
// Limits that are left out because this machine cannot enforce them; `layers` are its layers, all
// or those of limits. A limit that was asked for is not left out: the function does not start.
std::vector<Weakening> weakenings_by_machine(const FunctionSpec& spec,
                                             const std::vector<sandbox::Layer>& layers);
// Does the function start only where there is that layer?
bool needs(const FunctionSpec& spec, const sandbox::Layer& layer);

}  // namespace trivet::catalog
