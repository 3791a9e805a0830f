#pragma once
// Shell: a sandbox with nobody in it yet.
//
// Its init is a fork of the launcher, the first process of new pid, mount, ipc, uts, cgroup and
// network namespaces. It builds the root, enters a user namespace in which it and all that joins it
// are one ordinary user, gives up everything and then only buries orphans: the kernel does that for
// one that ignores SIGCHLD. Whoever joins (join.h) comes by the init's pidfd. When the init dies,
// the kernel kills all that is inside: there is no other way out.
//
// Making one takes about a millisecond, so they are made ahead. It is done in three steps, so that
// the launcher does not wait: begin() forks, the init enters its control group and says kMapMe,
// map() lets it go on, and it says kReady or what went wrong.

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "os/fd.h"
#include "sandbox/root.h"

namespace trivet::sandbox {

struct Shell {
  pid_t init = -1;
  os::Fd pidfd;     // of the init
  os::Fd socket;    // what the init says, one packet each
  uint32_t id = 0;  // the host's user and group of all that is inside; our own without root
  os::Fd owners;    // a user namespace in which our own files are that user's; none without root
  std::vector<NetRule> net;   // its policy's, once it is complete
  std::vector<os::Fd> doors;  // that listen inside for `net` (doors.h), until somebody takes them
  bool is_complete = false;   // complete() was called: it belongs to a function
};

inline constexpr char kMapMe = 'M', kReady = 'R', kFailed = 'E';  // first byte of what it says

// Forks the init. `id`: the host's user for it; our own: there are no others. `groups`: the files
// in which it writes itself to enter its control group.
Result<Shell> begin_shell(const RootPlan& plan, uint32_t id, uint32_t without,
                          const std::vector<os::Fd>& groups);
// Writes the maps of its user namespace, and lets it go on.
Status map_shell(const Shell& shell);
// Mounts what the policy names and opens its doors; the shell belongs to one function from now on.
// This process enters the shell's namespaces and comes back: it must have one thread.
Status complete_shell(Shell& shell, const RootPlan& plan, const Policy& policy);

// Users of the host that nobody else uses: above what containers and services are given.
inline constexpr uint32_t kFirstId = 0x70000000, kIds = 0x10000;

// What this process may do about namespaces and users. Without the right to make namespaces it
// enters a user namespace of its own first, in which it has it. Call once, as the first thing of
// the process.
struct Rights {
  bool has_ids = false;  // kFirstId and the following are ours to give
  std::string none;      // why no sandbox can be made at all; else empty
};
Rights secure_rights();

}  // namespace trivet::sandbox
