#pragma once
// join(): the step from trusted to confined, taken by the process itself: in the launcher's child
// before exec, and in the fork of a zygote before it returns to the interpreter.
//
// It runs where nothing may be allocated (a child that shares its parent's memory) and where there
// is no C++ library (the fork guard), so it is system calls only. What cannot be done is an error:
// the caller must end the process then.

#include <cstdint>

namespace trivet::sandbox {

inline constexpr uint32_t kInsideId = 1000;  // user and group of every sandboxed process, inside
inline constexpr uint32_t kStay = UINT32_MAX;

// Travels over a socket between processes of one build.
struct Joining {
  uint32_t level = 0;      // a Level
  uint32_t shell = 0;      // whose; 0 = none
  uint32_t id = kStay;     // user and group to become
  uint64_t files = 1024;   // RLIMIT_NOFILE
  uint64_t processes = 0;  // RLIMIT_NPROC; 0 = as it is
  uint32_t without = 0;    // layers left out for a test: 1 << Omission
};

enum Omission : uint32_t {
  kNoFilter,
  kNoCapabilities,
  kNoIds,
  kNoRlimits,
  kNoNewPrivs,
  kNoLandlock
};

// Enters the namespaces of `shell` (the pidfd of its init; -1: there is none), becomes how.id
// without capabilities, lowers the limits, installs the filter. The pid namespace must have been
// chosen before the fork. 0, or errno, and `step` says in words what failed.
int join(const Joining& how, int shell, const char** step);

// What this process may do outlives its next exec, though it is not root. 0 or errno.
int keep_capabilities();

// A fork of a zygote that is confined already: it may not signal or look into its siblings, where
// the kernel has that. 0 or errno.
int part_from_siblings();

}  // namespace trivet::sandbox
