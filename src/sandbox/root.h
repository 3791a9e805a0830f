#pragma once
// The root that a sandboxed process sees: a small tmpfs with the host's programs read-only, a /dev
// of harmless nodes, an /etc of what libraries read, a /proc with nothing but its own processes,
// and a /tmp that ends with it. Built by the init of a shell before it gives up its rights.

#include <string>
#include <vector>

#include "base/result.h"
#include "os/fd.h"
#include "sandbox/policy.h"

namespace trivet::sandbox {

struct RootPlan {
  std::vector<std::string> paths;  // of the host, read-only, besides /usr and what belongs to it
  int64_t disk_bytes = limits::kDiskDefault;
  bool host_network = false;  // it can ask the host's resolver
};

// Makes it the root of this process, which must be alone in its mount namespace and the first of
// its pid namespace. kIo names the step.
Status build_root(const RootPlan& plan);

// Is `path` at or below one that every sandbox sees?
bool is_in_root(const RootPlan& plan, const std::string& path);

// Adds what a policy names to the root of the mount namespace that this process is in, which is
// then read-only. `copies` are copy_mount()s of its binds, in their order, made outside.
Status complete_root(const Policy& policy, const std::vector<os::Fd>& copies);

}  // namespace trivet::sandbox
