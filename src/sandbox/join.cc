#include "sandbox/join.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/filter.h"
#include "sandbox/landlock.h"
#include "sandbox/policy.h"

namespace trivet::sandbox {
namespace {

constexpr unsigned long kLastCapability = 63;
constexpr rlim_t kLocked = 64 * 1024;  // bytes of memory that may not be swapped

int setns(int fd, int flags) { return static_cast<int>(syscall(SYS_setns, fd, flags)); }

bool limit(int what, rlim_t most) {
  rlimit now{};
  if (getrlimit(static_cast<__rlimit_resource_t>(what), &now) != 0) return false;
  if (now.rlim_max != RLIM_INFINITY && now.rlim_max < most) most = now.rlim_max;
  rlimit next{most, most};
  return setrlimit(static_cast<__rlimit_resource_t>(what), &next) == 0;
}

bool drop_bounding_set() {
  for (unsigned long cap = 0; cap <= kLastCapability; ++cap) {
    if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) < 0) return true;             // there are no more
    if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0) return errno == EPERM;  // it has none to give
  }
  return true;
}

bool become(uint32_t id) {
  if (syscall(SYS_setresgid, id, id, id) != 0 || syscall(SYS_setresuid, id, id, id) != 0)
    return false;
  return getuid() == id && geteuid() == id && getgid() == id && getegid() == id;
}

bool drop_capabilities() {
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  return syscall(SYS_capset, &header, none) == 0;
}

constexpr const char* kNames[kOmissions] = {
    "seccomp",      "capabilities", "user-ids",          "rlimits",       "no-new-privs",
    "landlock",     "mount-root",   "network-namespace", "pid-namespace", "user-namespace",
    "memory-limit", "cpu-limit",    "pids-limit"};

}  // namespace

const char* name(Omission omission) { return kNames[omission]; }

uint32_t read_omissions(const char* names) {
  uint32_t found = 0;
  for (const char* at = names; at && *at;) {
    size_t size = strcspn(at, ",");
    for (uint32_t i = 0; i < kOmissions; ++i)
      if (strlen(kNames[i]) == size && memcmp(kNames[i], at, size) == 0) found |= 1u << i;
    at += size + (at[size] == ',');
  }
  return found;
}

int join(const Joining& how, int shell, const char** step) {
  auto has = [&how](Omission layer) { return (how.without >> layer & 1) == 0; };
  auto failed = [step](const char* what) {
    *step = what;
    return errno != 0 ? errno : EPERM;
  };
  errno = 0;
  if (shell >= 0) {
    int root = has(kNoRoot) ? CLONE_NEWNS : 0;
    int network = has(kNoNetwork) ? CLONE_NEWNET : 0;
    if (setns(shell, root | network | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP) != 0)
      return failed("join the namespaces");
  }
  // EPERM: in a user namespace that has no other groups either.
  if (has(kNoIds) && geteuid() == 0 && syscall(SYS_setgroups, 0, nullptr) != 0 && errno != EPERM)
    return failed("leave the groups");
  if (shell >= 0 && has(kNoUserNamespace) && setns(shell, CLONE_NEWUSER) != 0)
    return failed("join the user namespace");
  if (has(kNoRlimits)) {
    if (!limit(RLIMIT_CORE, 0) || !limit(RLIMIT_MEMLOCK, kLocked)) return failed("set the limits");
    if (how.processes != 0 && !limit(RLIMIT_NPROC, how.processes)) return failed("limit processes");
  }
  if (has(kNoCapabilities)) {
    prctl(PR_SET_SECUREBITS,
          SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
              SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED,
          0, 0, 0);  // without the right to, there is nothing to lock
    if (!drop_bounding_set()) return failed("drop the bounding set");
  }
  if (has(kNoIds) && how.id != kStay && !become(how.id)) return failed("change the user");
  if (has(kNoCapabilities) && !drop_capabilities()) return failed("drop the capabilities");
  if (has(kNoNewPrivs) && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return failed("give up new privileges");
  if (has(kNoLandlock)) {
    Entered entered;
    errno = forbid_signals_outside(&entered);
    if (errno != 0) return failed("forbid signals to others");
  }
  // Until exec we have all the descriptors of who started us: the last step that needs one is done.
  if (has(kNoRlimits) && !limit(RLIMIT_NOFILE, how.files)) return failed("limit open files");
  if (has(kNoFilter)) {
    errno = install_filter(static_cast<Level>(how.level));
    if (errno != 0) return failed("install the filter of system calls");
  }
  return 0;
}

int keep_capabilities() {
  if (geteuid() == 0) return 0;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2] = {};
  if (syscall(SYS_capget, &header, sets) != 0) return errno;
  for (auto& set : sets) set.inheritable = set.permitted;
  if (syscall(SYS_capset, &header, sets) != 0) return errno;
  for (unsigned long cap = 0; cap <= kLastCapability; ++cap)
    if (sets[cap / 32].permitted >> (cap % 32) & 1)
      if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) != 0) return errno;
  return 0;
}

int part_from_siblings() {
  Entered entered;
  return forbid_signals_outside(&entered);
}

}  // namespace trivet::sandbox
