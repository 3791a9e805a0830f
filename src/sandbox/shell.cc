#include "sandbox/shell.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "sandbox/doors.h"
#include "sandbox/join.h"
#include "sandbox/loopback.h"
#include "sandbox/mounts.h"

namespace trivet::sandbox {
namespace {

constexpr int kMapTries = 3;
constexpr int kNamespaces = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS;

Status write_proc(pid_t pid, const char* file, const std::string& text) {
  std::string path = "/proc/" + (pid > 0 ? std::to_string(pid) : "self") + "/" + file;
  os::Fd out{open(path.c_str(), O_WRONLY | O_CLOEXEC)};
  if (!out || write(out.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return io_error("cannot write " + path, errno);
  return {};
}

[[noreturn]] void give_up(int socket, const std::string& why) {
  std::string packet = kFailed + why;
  send(socket, packet.data(), packet.size(), MSG_NOSIGNAL);
  _exit(1);
}

// The init's life, in the child. Orphans that end are reaped by the kernel: SIGCHLD is ignored.
[[noreturn]] void live_as_init(int socket, const RootPlan& plan, uint32_t without,
                               bool has_own_user) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_NAME, "trivet-sandbox");
  signal(SIGCHLD, SIG_IGN);
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  setsid();
  if (unshare(CLONE_NEWCGROUP) != 0)
    give_up(socket, "cgroup-namespace: " + std::string{std::strerror(errno)});
  if (!plan.host_network)
    if (Status up = bring_loopback_up(); !up)
      give_up(socket, "network-namespace: " + up.error().message);
  sethostname("sandbox", 7);
  if (Status built = build_root(plan); !built)
    give_up(socket, "mount-root: " + built.error().message);
  if (unshare(CLONE_NEWUSER) != 0)
    give_up(socket, "user-namespace: " + std::string{std::strerror(errno)});
  prctl(PR_SET_DUMPABLE, 1);  // so that the launcher may write our maps
  char word = kMapMe;
  if (send(socket, &word, 1, MSG_NOSIGNAL) != 1 || recv(socket, &word, 1, 0) != 1) _exit(1);
  Joining self;
  self.level = static_cast<uint32_t>(Level::kSandbox);
  self.id = kInsideId;
  self.files = 16;
  self.without = without;
  const char* step = "";
  if (int error = join(self, -1, &step); error != 0)
    give_up(socket, std::string{"user-ids: cannot "} + step + ": " + std::strerror(error));
  // With users of its own nobody inside may look into it. With one user for all whoever joins it
  // must be allowed to, and it has nothing that those inside have not.
  prctl(PR_SET_DUMPABLE, has_own_user ? 0 : 1);
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // a change of the user has taken it back
  if (getppid() != 0) _exit(1);
  word = kReady;
  send(socket, &word, 1, MSG_NOSIGNAL);
  for (unsigned fd = 0; fd < 3; ++fd) close(static_cast<int>(fd));
  for (;;) pause();
}

os::Fd map_owners_once(uid_t user, gid_t group, uint32_t id) {
  pid_t parent = getpid();
  long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, 0);
  if (pid < 0) return {};
  if (pid == 0) {
    syscall(SYS_close_range, 0u, ~0u, 0u);  // nobody waits for the end of what it would hold open
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (syscall(SYS_getppid) != parent) _exit(1);
    for (;;) pause();
  }
  auto line = [id](uint32_t of) { return std::to_string(of) + " " + std::to_string(id) + " 1\n"; };
  os::Fd made;
  if (write_proc(static_cast<pid_t>(pid), "uid_map", line(user)) &&
      write_proc(static_cast<pid_t>(pid), "gid_map", line(group)))
    made =
        os::Fd{open(("/proc/" + std::to_string(pid) + "/ns/user").c_str(), O_RDONLY | O_CLOEXEC)};
  kill(static_cast<pid_t>(pid), SIGKILL);
  waitpid(static_cast<pid_t>(pid), nullptr, 0);
  return made;
}

// A user namespace that nobody is in, for mounts: the files of `user` and `group` are there those
// of `id`. None: with errno. Who makes it may be killed by somebody.
os::Fd map_owners(uid_t user, gid_t group, uint32_t id) {
  os::Fd made;
  for (int tries = 0; !made && tries < kMapTries; ++tries) made = map_owners_once(user, group, id);
  return made;
}

// Shows a folder or file of the host's as the worker's own, whoever owns it there. Where that
// cannot be had it must be readable by everybody, and cannot be writable.
Status restrict_bind(const Shell& shell, int mount, const Bind& bind) {
  struct stat facts {};
  if (fstat(mount, &facts) != 0) return io_error("cannot look at " + bind.path, errno);
  os::Fd others;
  int owners = -1;
  if (shell.owners) {
    bool is_ours = facts.st_uid == geteuid() && facts.st_gid == getegid();
    if (!is_ours) others = map_owners(facts.st_uid, facts.st_gid, shell.id);
    owners = is_ours ? shell.owners.get() : others.get();
  }
  if (restrict_mount(mount, bind.writable, owners) == 0) return {};
  if (restrict_mount(mount, bind.writable, -1) != 0)
    return io_error("cannot restrict " + bind.path + " in the sandbox", errno);
  bool is_open = (facts.st_mode & S_IROTH) != 0 && !bind.writable;
  if (is_open || !shell.owners) return {};
  return Error{ErrorCode::kIo,
               "the file system of " + bind.path +
                   " cannot show its files as another user's (idmapped mounts); "
                   "make it readable by everybody, and not writable from the sandbox"};
}

bool has_capability(unsigned capability) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2] = {};
  return syscall(SYS_capget, &header, sets) == 0 && (sets[0].effective >> capability & 1) != 0;
}

// Does the map of our user namespace have the users that sandboxes are given?
bool has_mapped_ids() {
  std::unique_ptr<FILE, int (*)(FILE*)> map{std::fopen("/proc/self/uid_map", "re"), std::fclose};
  unsigned inside = 0, outside = 0, count = 0;
  while (map && std::fscanf(map.get(), "%u %u %u", &inside, &outside, &count) == 3)
    if (inside <= kFirstId && kFirstId - inside + kIds <= count) return true;
  return false;
}

Status enter_own_user_namespace() {
  std::string user = std::to_string(geteuid()), group = std::to_string(getegid());
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
    return io_error("user-namespace: an ordinary user may not make one here", errno);
  for (const auto& [file, line] : {std::pair<const char*, std::string>{"setgroups", "deny"},
                                   {"uid_map", user + " " + user + " 1\n"},
                                   {"gid_map", group + " " + group + " 1\n"}})
    if (Status done = write_proc(0, file, line); !done)
      return Error{ErrorCode::kIo, "user-namespace: " + done.error().message};
  return {};
}

}  // namespace

Rights secure_rights() {
  Rights rights;
  if (has_capability(CAP_SYS_ADMIN) && has_capability(CAP_SETUID)) {
    rights.has_ids = geteuid() == 0 && has_mapped_ids();
    // In a user namespace that somebody else has made the mounts may still be those of the one
    // above.
    if (!rights.has_ids && unshare(CLONE_NEWNS) != 0)
      rights.none = "mount-root: " + std::string{std::strerror(errno)};
    return rights;
  }
  if (Status own = enter_own_user_namespace(); !own) rights.none = own.error().message;
  return rights;
}

Result<Shell> begin_shell(const RootPlan& plan, uint32_t id, uint32_t without,
                          const std::vector<os::Fd>& groups) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
    return io_error("cannot make a socket for a sandbox", errno);
  Shell shell;
  shell.socket = os::Fd{pair[0]};
  os::Fd theirs{pair[1]};
  shell.id = id;
  int pidfd = -1;
  int flags = kNamespaces | (plan.host_network ? 0 : CLONE_NEWNET);
  long pid = syscall(SYS_clone, flags | CLONE_PIDFD | SIGCHLD, nullptr, &pidfd, nullptr, 0);
  if (pid < 0) return io_error("cannot make the namespaces of a sandbox", errno);
  if (pid == 0) {
    int socket = 3;
    for (const auto& group : groups)
      if (write(group.get(), "0", 1) != 1)
        give_up(theirs.get(), "control groups: " + std::string{std::strerror(errno)});
    dup2(theirs.get(), socket);
    syscall(SYS_close_range, 4u, ~0u, 0u);
    live_as_init(socket, plan, without, id != geteuid());
  }
  if (id != geteuid()) shell.owners = map_owners(geteuid(), getegid(), id);
  shell.init = static_cast<pid_t>(pid);
  shell.pidfd = os::Fd{pidfd};
  return shell;
}

Status map_shell(const Shell& shell) {
  std::string map = std::to_string(kInsideId) + " " + std::to_string(shell.id) + " 1\n";
  uint32_t group = geteuid() == shell.id ? getegid() : shell.id;
  std::string groups = std::to_string(kInsideId) + " " + std::to_string(group) + " 1\n";
  if (Status done = write_proc(shell.init, "uid_map", map); !done) return done;
  if (Status done = write_proc(shell.init, "gid_map", groups); !done) {
    // Without the right to set groups they must be given up first.
    if (Status denied = write_proc(shell.init, "setgroups", "deny"); !denied) return done;
    if (done = write_proc(shell.init, "gid_map", groups); !done) return done;
  }
  char go = kMapMe;
  send(shell.socket.get(), &go, 1, MSG_NOSIGNAL);
  return {};
}

static Status open_doors_of(Shell& shell, const std::vector<Door>& doors) {
  os::Fd own{open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)};
  if (!own) return io_error("cannot name our own network namespace", errno);
  if (setns(shell.pidfd.get(), CLONE_NEWNET) != 0)
    return io_error("cannot enter the sandbox's network", errno);
  auto sockets = open_doors(doors);
  if (setns(own.get(), CLONE_NEWNET) != 0) _exit(70);  // lost: end all
  if (!sockets) return std::move(sockets).error();
  shell.doors = std::move(*sockets);
  for (const Door& door : doors) shell.net.push_back(door.to);
  return {};
}

Status complete_shell(Shell& shell, const RootPlan& plan, const Policy& policy) {
  auto doors = plan_doors(policy.net);
  if (!doors) return std::move(doors).error();
  std::string hosts = policy.net.empty() ? "" : hosts_text(*doors);
  std::vector<os::Fd> copies;
  for (const auto& bind : policy.binds) {
    if (!bind.writable && is_in_root(plan, bind.path)) {
      copies.emplace_back();
      continue;
    }
    copies.push_back(copy_mount(AT_FDCWD, bind.path.c_str()));
    if (!copies.back()) return io_error("cannot show " + bind.path + " to the sandbox", errno);
    if (Status done = restrict_bind(shell, copies.back().get(), bind); !done) return done;
  }
  os::Fd own{open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC)};
  os::Fd place{open(".", O_PATH | O_CLOEXEC)};
  if (!own || !place) return io_error("cannot name our own mount namespace", errno);
  if (setns(shell.pidfd.get(), CLONE_NEWNS) != 0)
    return io_error("cannot enter the sandbox to mount the function", errno);
  Status done = complete_root(policy, hosts, copies);
  if (setns(own.get(), CLONE_NEWNS) != 0 || fchdir(place.get()) != 0) _exit(70);  // lost: end all
  if (done && !policy.net.empty()) done = open_doors_of(shell, *doors);
  shell.is_complete = static_cast<bool>(done);
  return done;
}

}  // namespace trivet::sandbox
