#include "sandbox/probe.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace trivet::sandbox {
namespace {

// What a child found: 0, or the errno of the step that failed, and which it was.
struct Found {
  int error = 0;
  int step = 0;
};

using Trial = Found (*)();

Found failed(int step) { return {errno == 0 ? EIO : errno, step}; }

// Runs `trial` in a child of ours and waits for it: at most two seconds.
Found in_a_child(Trial trial) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return failed(-1);
  pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(2);
    Found found = trial();
    ssize_t written = write(ends[1], &found, sizeof found);
    _exit(written == sizeof found ? 0 : 1);
  }
  Found found = pid < 0 ? failed(-1) : Found{ETIMEDOUT, -1};
  close(ends[1]);
  if (pid > 0) {
    Found told;
    ssize_t n = 0;
    while ((n = read(ends[0], &told, sizeof told)) < 0 && errno == EINTR) continue;
    if (n == sizeof told) found = told;
    while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) continue;
  }
  close(ends[0]);
  return found;
}

bool write_file(const char* path, const std::string& text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool whole = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  int error = errno;
  close(fd);
  errno = error;
  return whole;
}

bool map_self(uid_t user, gid_t group, unsigned inside) {
  std::string id = std::to_string(inside);
  return write_file("/proc/self/setgroups", "deny") &&
         write_file("/proc/self/uid_map", id + " " + std::to_string(user) + " 1\n") &&
         write_file("/proc/self/gid_map", id + " " + std::to_string(group) + " 1\n");
}

bool has_capability(unsigned capability) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2] = {};
  return syscall(SYS_capget, &header, sets) == 0 &&
         (sets[capability / 32].effective >> (capability % 32) & 1) != 0;
}

// Without the right to make namespaces it is had in a user namespace of our own.
bool gain_rights() {
  if (has_capability(CAP_SYS_ADMIN)) return true;
  uid_t user = geteuid();
  gid_t group = getegid();
  return unshare(CLONE_NEWUSER) == 0 && map_self(user, group, user);
}

Found try_user_namespace() {
  uid_t user = geteuid();
  gid_t group = getegid();
  if (unshare(CLONE_NEWUSER) != 0) return failed(0);
  if (!map_self(user, group, 1000)) return failed(1);
  return geteuid() == 1000 ? Found{} : Found{EINVAL, 1};
}

Found try_namespace(int flag) {
  if (!gain_rights()) return failed(0);
  return unshare(flag) == 0 ? Found{} : failed(1);
}

Found try_network_namespace() { return try_namespace(CLONE_NEWNET); }

Found try_pid_namespace() {
  if (Found found = try_namespace(CLONE_NEWPID); found.error != 0) return found;
  pid_t init = fork();
  if (init == 0) _exit(getpid() == 1 ? 0 : 1);
  int status = 1;
  if (init < 0 || waitpid(init, &status, 0) != init) return failed(2);
  return status == 0 ? Found{} : Found{EINVAL, 2};
}

// A root of one's own: a tmpfs, a read-only copy of a folder in it, and the old root gone.
Found try_mount_root() {
  if (Found found = try_namespace(CLONE_NEWNS); found.error != 0) return found;
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return failed(2);
  if (mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "size=64k") != 0) return failed(2);
  if (mkdirat(AT_FDCWD, "/tmp/usr", 0755) != 0) return failed(2);
  long tree =
      syscall(SYS_open_tree, AT_FDCWD, "/usr", 1 /* OPEN_TREE_CLONE */ | AT_RECURSIVE | O_CLOEXEC);
  if (tree < 0) return failed(3);
  struct {
    uint64_t set, clear, propagation, user_namespace;
  } change{1 /* MOUNT_ATTR_RDONLY */, 0, 0, 0};
  if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &change, sizeof change) !=
      0)
    return failed(3);
  if (syscall(SYS_move_mount, tree, "", AT_FDCWD, "/tmp/usr", 4 /* MOVE_MOUNT_F_EMPTY_PATH */) != 0)
    return failed(3);
  if (chdir("/tmp") != 0 || syscall(SYS_pivot_root, ".", ".") != 0) return failed(4);
  if (umount2(".", MNT_DETACH) != 0) return failed(4);
  bool is_private = access("/etc", F_OK) != 0 && access("/usr", F_OK) == 0;
  bool is_read_only = access("/usr", W_OK) != 0;
  return is_private && is_read_only ? Found{} : Found{EINVAL, 5};
}

Found try_capabilities() {
  for (unsigned long c = 0; c <= 63 && prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; ++c)
    if (prctl(PR_CAPBSET_READ, c, 0, 0, 0) == 1 && has_capability(CAP_SETPCAP) &&
        prctl(PR_CAPBSET_DROP, c, 0, 0, 0) != 0)
      return failed(0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  if (syscall(SYS_capset, &header, none) != 0) return failed(0);
  return has_capability(CAP_SYS_ADMIN) ? Found{EINVAL, 0} : Found{};
}

Found try_user_ids() {
  constexpr unsigned kOther = 0x70000000;  // of nobody on this machine
  if (syscall(SYS_setresgid, kOther, kOther, kOther) != 0) return failed(0);
  if (syscall(SYS_setresuid, kOther, kOther, kOther) != 0) return failed(0);
  return geteuid() == kOther ? Found{} : Found{EINVAL, 0};
}

Found try_no_new_privs() {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed(0);
  return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? Found{} : Found{EINVAL, 0};
}

Found try_rlimits() {
  rlimit none{0, 0};
  if (setrlimit(RLIMIT_CORE, &none) != 0) return failed(0);
  rlimit few{16, 16};
  if (setrlimit(RLIMIT_NOFILE, &few) != 0) return failed(0);
  return fcntl(0, F_DUPFD, 16) < 0 ? Found{} : Found{EINVAL, 0};
}

// A filter that refuses one call with an errno that the call itself never has.
Found try_seccomp() {
  constexpr int kMark = EXDEV;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed(0);
  sock_filter steps[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | kMark),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program{4, steps};
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) return failed(0);
  errno = 0;
  return syscall(SYS_getppid) == -1 && errno == kMark ? Found{} : Found{EINVAL, 0};
}

// A domain in which nothing may be opened to be read.
Found try_landlock() {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed(0);
  uint64_t handled = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
  long rules = syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0);
  if (rules < 0) return failed(0);
  if (syscall(SYS_landlock_restrict_self, rules, 0) != 0) return failed(0);
  int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return fd < 0 && errno == EACCES ? Found{} : Found{EINVAL, 0};
}

std::string text_of(const std::string& path) {
  char buffer[64];
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  ssize_t n = read(fd, buffer, sizeof buffer);
  close(fd);
  std::string text{buffer, n > 0 ? static_cast<size_t>(n) : 0};
  while (!text.empty() && (text.back() == '\n' || text.back() == '\0')) text.pop_back();
  return text;
}

// The switch of this kernel that keeps ordinary users from making namespaces, and how it is set.
std::string fix_for_namespaces() {
  if (text_of("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1")
    return "sysctl kernel.apparmor_restrict_unprivileged_userns=0, or start trivet as root";
  if (text_of("/proc/sys/kernel/unprivileged_userns_clone") == "0")
    return "sysctl kernel.unprivileged_userns_clone=1, or start trivet as root";
  if (text_of("/proc/sys/user/max_user_namespaces") == "0")
    return "sysctl user.max_user_namespaces=10000, or start trivet as root";
  return "start trivet as root, or where ordinary users may make user namespaces; in a container: "
         "one "
         "that is given CAP_SYS_ADMIN, or whose filter of system calls allows unshare and mount";
}

struct Row {
  const char* name;
  Level from;
  bool is_needed;
  Trial trial;
  const char* steps[6];  // what it could not do, by Found::step
  const char* fix;       // nullptr: fix_for_namespaces()
};

constexpr const char* kOwn = "a user namespace cannot be made";
constexpr const char* kKernel = "use a kernel from 5.13 on, with what it needs switched on";

const Row kRows[] = {
    {"rlimits", Level::kProcess, true, try_rlimits, {"limits cannot be set"}, kKernel},
    {"no-new-privs", Level::kProcess, true, try_no_new_privs, {"it cannot be set"}, kKernel},
    {"user-ids",
     Level::kProcess,
     false,
     try_user_ids,
     {"it cannot become another user"},
     "start trivet as root: then each function has a user of its own"},
    {"user-namespace",
     Level::kSandbox,
     true,
     try_user_namespace,
     {kOwn, "its users cannot be mapped"},
     nullptr},
    {"pid-namespace",
     Level::kSandbox,
     true,
     try_pid_namespace,
     {kOwn, "it cannot be made", "nothing can be started in it"},
     nullptr},
    {"mount-root",
     Level::kSandbox,
     true,
     try_mount_root,
     {kOwn, "a mount namespace cannot be made", "a file system cannot be mounted",
      "a folder cannot be shown read-only", "the root cannot be changed",
      "the old root stays visible"},
     nullptr},
    {"network-namespace",
     Level::kSandbox,
     true,
     try_network_namespace,
     {kOwn, "it cannot be made"},
     nullptr},
    {"capabilities", Level::kSandbox, true, try_capabilities, {"they cannot be dropped"}, kKernel},
    {"landlock",
     Level::kSandbox,
     false,
     try_landlock,
     {"the kernel has none, or it is switched off"},
     "use a kernel from 5.13 on, with landlock in the boot parameter lsm="},
    {"seccomp",
     Level::kSandbox,
     true,
     try_seccomp,
     {"a filter cannot be set"},
     "use a kernel with CONFIG_SECCOMP_FILTER"},
};

}  // namespace

std::vector<Layer> probe_layers() {
  std::vector<Layer> layers;
  for (const Row& row : kRows) {
    Found found = in_a_child(row.trial);
    Layer layer;
    layer.name = row.name;
    layer.from = row.from;
    layer.is_needed = row.is_needed;
    layer.is_active = found.error == 0;
    if (!layer.is_active) {
      layer.why = found.step < 0 ? "a child that tries it cannot be had" : row.steps[found.step];
      layer.why += std::string{": "} + std::strerror(found.error);
      layer.fix = row.fix ? row.fix : fix_for_namespaces();
    }
    layers.push_back(std::move(layer));
  }
  return layers;
}

}  // namespace trivet::sandbox
