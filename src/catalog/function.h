#pragma once
// A function as its manifest describes it: plain values, immutable once in a Snapshot.
//
// Whatever form the manifest had (trivet.yaml, a lone file, a project's `functions:`, Alyx
// manifest.yaml or schema.yaml, the applet form), it ends as this. Defaults are filled in; nothing
// here is optional for those who read it.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"
#include "sandbox/policy.h"

namespace trivet::catalog {

enum class Mode { kPool, kOneshot };
enum class StartPolicy { kLazy, kEager };

struct Scale {
  int min = 0;
  int max = limits::kScaleMaxDefault;
  int overflow =
      limits::kScaleOverflowDefault;  // extra workers above max, retired as soon as they are idle
  int concurrency = 1;                // calls in flight per worker, capped by what the worker says
  Duration idle = limits::kIdleDefault;
  int queue = limits::kQueueDefault;  // calls waiting for a worker; more are refused
  int shards = 1;                     // of the host's, as many have a part of its workers and calls
  StartPolicy start = StartPolicy::kLazy;
};

struct Limits {
  Duration timeout = limits::kTimeoutDefault;
  Duration start_timeout = limits::kStartTimeoutDefault;
  size_t payload_bytes = limits::kPayloadDefault;         // of a request, and of a reply
  size_t log_bytes_per_second = limits::kLogRateDefault;  // of one worker; 0 = any
};

// Too many failures of the workers themselves (crash, garbage, no start, timeout): no calls for a
// while.
struct Breaker {
  int failures = limits::kBreakerFailures;  // within `window`; 0 = never opens
  Duration window = limits::kBreakerWindow;
  Duration cooldown = limits::kBreakerCooldown;  // open for that long, then one call tries
};

struct Restart {
  Duration backoff_min = 100ms;
  Duration backoff_max = 30s;
  int64_t max_calls = 0;          // a worker is retired after that many; 0 = never
  Duration max_age = Duration{};  // a worker is retired after that long; 0 = never
  Breaker breaker;
};

struct Build {
  std::string command;  // empty = none
  std::vector<std::string> args;
  std::string output;              // relative to the folder; what runs instead of the entrypoint
  std::vector<std::string> watch;  // globs relative to the folder; empty = everything below it
};

// Of the manifest's command and the runtime's steps together.
struct BuildLimits {
  Duration timeout = limits::kBuildTimeout;
  size_t max_bytes = limits::kBuildSizeDefault;  // of the output of one step
};

struct HttpRoute {
  std::vector<std::string> methods;  // upper case; empty = any
  std::string path;                  // "/resize/{id}"
};

struct FunctionSpec {
  std::string name;
  std::string description;
  std::string runtime;          // the runtime folder's name
  std::string runtime_version;  // as asked: "3.11", ">=1.0.0", or empty
  std::string runtime_key;      // the runtime that runs it, by its name in the snapshot
  std::filesystem::path dir;    // absolute; the worker's current directory
  std::string entrypoint;       // relative to dir
  std::string handler;          // "handle" of `main.py:handle`, or empty
  std::string interface;        // "json"
  Mode mode = Mode::kPool;
  bool pristine = false;  // each call gets a fresh worker
  bool lone = false;      // one source file, not a folder: what lies beside it may be functions too
  Scale scale;
  Limits limits;
  sandbox::Policy policy;    // what its workers may do, and use
  bool level_given = false;  // policy.level is the manifest's own; else it is the operator's
  Restart restart;
  std::map<std::string, std::string> env;
  std::optional<Build> build;
  BuildLimits build_limits;
  std::vector<HttpRoute> routes;
  std::vector<std::string> notes;  // what the manifest asks for that is not enforced, in words
  std::string sample_input;        // JSON text, or empty (Alyx)
  std::filesystem::path manifest;  // where it was described; the entrypoint itself without one
  int manifest_line = 0;           // 1-based; 0 without a manifest
  std::string
      version;  // hex of a hash over this description, the source files and the runtime folder
};

}  // namespace trivet::catalog
