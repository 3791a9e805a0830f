#pragma once
// What a worker may do: plain values, written by the catalog, carried out by the launcher.
//
// A level is a list of layers, and each contains the ones before it (docs/security.md has the
// table). A layer of the level that this machine does not have is a reason not to start the
// function; nothing is left out silently.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"

namespace trivet::sandbox {

enum class Level : uint8_t {
  kTrusted,  // no confinement: the operator's own code
  kProcess,  // limits of the process, no new privileges, a user of its own when there is root
  kSandbox,  // namespaces, a root of its own, a filter of system calls, control groups
  kStrict,   // the same with a tighter filter, and nothing shared between calls
};
std::string_view name(Level level);  // "sandbox"
std::optional<Level> parse_level(std::string_view text);

// Of one worker with all that it starts; 0 = no limit.
struct Limits {
  int64_t memory_bytes = limits::kMemoryDefault;
  int cpu_percent = 0;  // of one processor: 150 = one and a half
  int pids = limits::kPidsDefault;
  int files = limits::kFilesDefault;          // open at once, per process
  int64_t disk_bytes = limits::kDiskDefault;  // of its /tmp, which counts as memory too
  bool memory_is_asked = false;  // by its manifest, which relies on it; else it may be left out
  bool operator==(const Limits&) const = default;
};

// Was the limit asked for that this layer enforces? Then nothing starts without the layer.
bool is_asked(const Limits& limits, std::string_view layer);

// A path of the host's that the worker sees under the same name.
struct Bind {
  std::string path;       // absolute
  bool writable = false;  // else read-only
  bool operator==(const Bind&) const = default;
};

// An address that it may connect to.
struct NetRule {
  std::string host;  // a name or an address, lower case
  uint16_t port = 0;
  bool operator==(const NetRule&) const = default;
};

struct Policy {
  Level level = Level::kSandbox;
  Limits limits;
  std::vector<Bind> binds;    // besides what every sandbox sees
  std::vector<NetRule> net;   // none: no network but its own loopback
  bool host_network = false;  // the host's network as it is: for builds
  bool operator==(const Policy&) const = default;
};
Policy at_level(Level level);  // with the usual limits and nothing more to see

// One thing that confines, as it was found on this machine.
struct Layer {
  std::string name;              // "pid-namespace"
  Level from = Level::kSandbox;  // the first level that asks for it
  bool is_active = false;
  bool is_needed = true;  // false: a level does without it, and says so
  std::string why, fix;   // when it is not active: one sentence each
};

}  // namespace trivet::sandbox
