#include "sandbox/landlock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace trivet::sandbox {
namespace {

// The kernel's structures and numbers; headers of distributions know the first versions only.
struct RulesetAttr {
  uint64_t handled_access_fs;
  uint64_t handled_access_net;  // version 4
  uint64_t scoped;              // version 6
};
struct __attribute__((packed)) PathBeneathAttr {
  uint64_t allowed_access;
  int32_t parent_fd;
};
constexpr int kRulePathBeneath = 1;
constexpr unsigned kCreateRulesetVersion = 1;

constexpr uint64_t kExecute = 1 << 0, kWriteFile = 1 << 1, kReadFile = 1 << 2, kReadDir = 1 << 3;
constexpr uint64_t kChangeDir = 0x1ff0;  // remove and make entries of all kinds: bits 4 to 12
constexpr uint64_t kRefer = 1 << 13;     // version 2
constexpr uint64_t kTruncate = 1 << 14;  // version 3
constexpr uint64_t kIoctlDev = 1 << 15;  // version 5
constexpr uint64_t kReading = kExecute | kReadFile | kReadDir;
constexpr uint64_t kWriting = kWriteFile | kChangeDir | kRefer | kTruncate | kIoctlDev;
constexpr uint64_t kOfFiles = kExecute | kWriteFile | kReadFile | kTruncate | kIoctlDev;
constexpr uint64_t kBindTcp = 1 << 0, kConnectTcp = 1 << 1;
constexpr uint64_t kScopeAbstractUnix = 1 << 0, kScopeSignal = 1 << 1;

uint64_t known_rights(int abi) {
  uint64_t rights = kReading | kWriteFile | kChangeDir;
  if (abi >= 2) rights |= kRefer;
  if (abi >= 3) rights |= kTruncate;
  if (abi >= 5) rights |= kIoctlDev;
  return rights;
}

// A ruleset's descriptor, or -1. Older kernels refuse a longer structure whose new fields are set;
// those are 0 there.
int make_ruleset(const RulesetAttr& attr) {
  return static_cast<int>(syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0));
}

bool add_rule(int ruleset, const PathRule& rule, uint64_t handled) {
  int fd = rule.fd >= 0 ? rule.fd : open(rule.path, O_PATH | O_CLOEXEC);
  if (fd < 0) return false;
  struct stat found;
  bool is_added = false;
  if (fstat(fd, &found) == 0) {
    uint64_t rights = (rule.is_writable ? kReading | kWriting : kReading) & handled;
    if (!S_ISDIR(found.st_mode)) rights &= kOfFiles;  // others are EINVAL for a file
    PathBeneathAttr attr{rights, fd};
    // A rule without rights is ENOMSG: it would say nothing.
    is_added =
        rights == 0 || syscall(SYS_landlock_add_rule, ruleset, kRulePathBeneath, &attr, 0) == 0;
  }
  int failed = errno;
  if (fd != rule.fd) close(fd);
  errno = failed;
  return is_added;
}

// 0 or an errno; the ruleset is closed.
int enter(int ruleset, bool is_whole) {
  if (ruleset < 0) return errno;
  int failed = is_whole && syscall(SYS_landlock_restrict_self, ruleset, 0) == 0 ? 0 : errno;
  close(ruleset);
  return failed;
}

}  // namespace

int landlock_abi() {
  int before = errno;
  long abi = syscall(SYS_landlock_create_ruleset, nullptr, 0, kCreateRulesetVersion);
  errno = before;  // ENOSYS: not in this kernel; EOPNOTSUPP: switched off when it started
  return abi > 0 ? static_cast<int>(abi) : 0;
}

int forbid_signals_outside(Entered* entered) {
  *entered = {};
  if (landlock_abi() < 6) return 0;
  int failed = enter(make_ruleset({0, 0, kScopeAbstractUnix | kScopeSignal}), true);
  entered->signals = entered->abstract_sockets = failed == 0;
  return failed;
}

int restrict_paths(const PathRules& rules, Entered* entered) {
  *entered = {};
  int abi = landlock_abi();
  if (abi == 0) return 0;
  uint64_t handled = known_rights(abi) & (rules.is_reading_free ? kWriting : ~uint64_t{0});
  uint64_t net = 0;
  if (abi >= 4)
    net = (rules.forbids_tcp_bind ? kBindTcp : 0) | (rules.forbids_tcp_connect ? kConnectTcp : 0);
  int ruleset = make_ruleset({handled, net, 0});
  bool is_whole = ruleset >= 0;
  for (size_t i = 0; is_whole && i < rules.count; ++i)
    is_whole = add_rule(ruleset, rules.rules[i], handled);
  int failed = enter(ruleset, is_whole);
  if (failed != 0) return failed;
  *entered = {true, (net & kBindTcp) != 0, (net & kConnectTcp) != 0, false, false};
  return 0;
}

}  // namespace trivet::sandbox
