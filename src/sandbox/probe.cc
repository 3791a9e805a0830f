#include "sandbox/probe.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "sandbox/join.h"
#include "sandbox/landlock.h"

namespace trivet::sandbox {
namespace {

constexpr unsigned kPatience = 5;  // seconds for a child, and for each word of an init
constexpr uint64_t kFiles = 16;
constexpr uint32_t kOwnId = kFirstId + kIds - 1;  // of the trials; a running sandbox may have it

constexpr uint32_t bit(Omission layer) { return 1u << layer; }

// How a child that has joined found itself. `step` is a constant of this program, which a fork has
// at the same address.
struct Report {
  int error = 0;  // errno of the step that failed; 0: it has joined
  const char* step = "start a process";
  uint32_t holding = 0;  // layers: 1 << Omission
};

// Where a process is: its namespaces, and its root.
struct Place {
  uint64_t user = 0, pid = 0, mounts = 0, network = 0;
  struct stat root {};
};

os::Fd own_namespaces() { return os::Fd{open("/proc/self/ns", O_PATH | O_DIRECTORY | O_CLOEXEC)}; }

// `namespaces`: of this process; a sandbox need not have a /proc in which it is.
Place place_of(const os::Fd& namespaces) {
  auto number = [&](const char* kind) {
    struct stat facts {};
    return fstatat(namespaces.get(), kind, &facts, 0) == 0 ? facts.st_ino : 0;
  };
  Place place{number("user"), number("pid"), number("mnt"), number("net"), {}};
  stat("/", &place.root);
  return place;
}

bool has_dropped_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2] = {};
  if (syscall(SYS_capget, &header, sets) != 0) return false;
  for (const auto& set : sets)
    if (set.effective != 0 || set.permitted != 0 || set.inheritable != 0) return false;
  return true;
}

bool has_limits() {
  rlimit core{}, files{};
  return getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0 &&
         getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_max <= kFiles;
}

// What holds now of that which this process has asked for. `before` is where it came from, with
// whom it can still be told apart.
uint32_t look_around(const Joining& how, const Place& before, const Place& now, pid_t outside) {
  uint32_t found = 0;
  auto note = [&found](Omission layer, bool holds) { found |= holds ? bit(layer) : 0; };
  note(kNoUserNamespace, now.user != 0 && now.user != before.user);
  note(kNoPids, now.pid != 0 && now.pid != before.pid);
  note(kNoNetwork, now.network != 0 && now.network != before.network);
  note(kNoRoot,
       now.mounts != 0 && now.mounts != before.mounts &&
           (now.root.st_dev != before.root.st_dev || now.root.st_ino != before.root.st_ino));
  note(kNoIds, how.id != kStay && geteuid() == how.id && getegid() == how.id);
  note(kNoCapabilities, has_dropped_capabilities());
  note(kNoRlimits, has_limits());
  note(kNoNewPrivs, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
  note(kNoLandlock,
       kill(outside, 0) != 0 && errno == EPERM);  // tells only while the user is the same
  note(kNoFilter, unshare(0) != 0 && errno == EPERM);
  return found;
}

Report look_from_inside(const Joining& how, int shell, const Place& before, pid_t outside) {
  Report report;
  os::Fd namespaces = own_namespaces();
  report.error = join(how, shell, &report.step);
  if (report.error == 0) report.holding = look_around(how, before, place_of(namespaces), outside);
  return report;
}

// Runs in a child of ours; of its own child in the shell's pid namespace when there is a shell.
[[noreturn]] void tell(int out, const Joining& how, int shell, const Place& before) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  alarm(kPatience);
  Report report;
  pid_t inside = 0;
  bool has_pids = shell >= 0 && (how.without & bit(kNoPids)) == 0;
  if (has_pids && (setns(shell, CLONE_NEWPID) != 0 || (inside = fork()) < 0)) {
    report = {errno, "enter the pid namespace", 0};
  } else if (inside > 0) {
    waitpid(inside, nullptr, 0);
    _exit(0);
  } else {
    if (has_pids) alarm(kPatience);
    report = look_from_inside(how, shell, before, getppid());
  }
  _exit(write(out, &report, sizeof report) == sizeof report ? 0 : 1);
}

// A child joins, looks around, and is gone.
Report try_join(const Joining& how, int shell) {
  Report report;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return {errno, report.step, 0};
  Place before = place_of(own_namespaces());
  pid_t pid = fork();
  if (pid == 0) tell(ends[1], how, shell, before);
  report.error = pid < 0 ? errno : ETIMEDOUT;
  close(ends[1]);
  Report told;
  ssize_t n = 0;
  while ((n = read(ends[0], &told, sizeof told)) < 0 && errno == EINTR) continue;
  if (n == sizeof told) report = told;
  while (pid > 0 && waitpid(pid, nullptr, 0) < 0 && errno == EINTR) continue;
  close(ends[0]);
  return report;
}

std::string text_of(const Report& report) {
  return std::string{"cannot "} + report.step + ": " + std::strerror(report.error);
}

// ------------------------------------------------------------------ a whole sandbox

// Hears a shell's init until it is ready.
Status await_ready(const Shell& shell) {
  for (;;) {
    pollfd word{shell.socket.get(), POLLIN, 0};
    std::array<char, 512> packet;
    if (poll(&word, 1, kPatience * 1000) <= 0) return Error{ErrorCode::kIo, "it takes too long"};
    ssize_t n = recv(shell.socket.get(), packet.data(), packet.size(), 0);
    if (n <= 0) return Error{ErrorCode::kIo, "its first process ended while it was made"};
    if (n > 1) return Error{ErrorCode::kIo, {packet.data() + 1, static_cast<size_t>(n - 1)}};
    if (packet[0] == kReady) return {};
    if (Status mapped = map_shell(shell); !mapped)
      return Error{ErrorCode::kIo, "user-namespace: " + mapped.error().message};
  }
}

// Makes one and joins it. What failed begins with the layer's name, where that is known.
Status try_sandbox(const Trial& trial, uint32_t& holding) {
  if (!trial.rights.none.empty()) return Error{ErrorCode::kIo, trial.rights.none};
  auto shell = begin_shell(trial.root, trial.rights.has_ids ? kOwnId : geteuid(), trial.without,
                           trial.groups);
  if (!shell) return std::move(shell).error();
  Status done = await_ready(*shell);
  if (done) {
    Joining how;
    how.level = static_cast<uint32_t>(Level::kSandbox);
    how.id = (trial.without & bit(kNoUserNamespace)) == 0 ? kInsideId : shell->id;
    how.files = kFiles;
    how.without = trial.without;
    Report report = try_join(how, shell->pidfd.get());
    holding = report.holding;
    if (report.error != 0) done = Error{ErrorCode::kIo, text_of(report)};
  }
  kill(shell->init, SIGKILL);
  while (waitpid(shell->init, nullptr, 0) < 0 && errno == EINTR) continue;
  return done;
}

// ------------------------------------------------------------------ words

std::string setting(const std::string& path) {
  std::array<char, 64> buffer;
  os::Fd file{open(("/proc/sys/" + path).c_str(), O_RDONLY | O_CLOEXEC)};
  ssize_t n = file ? read(file.get(), buffer.data(), buffer.size()) : 0;
  std::string text{buffer.data(), n > 0 ? static_cast<size_t>(n) : 0};
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

// The switch of this kernel that forbids it, as it is set; else what there is to know.
std::string fix_for_sandbox(const std::string& why) {
  if (why.starts_with("control groups: "))
    return "start the server in a group of its own: systemd-run --scope -p Delegate=yes trivet ...";
  for (std::string kind : {"user", "pid", "mnt", "net", "ipc", "uts", "cgroup"})
    if (std::string name = "max_" + kind + "_namespaces"; setting("user/" + name) == "0")
      return "sysctl user." + name + "=10000";
  if (setting("kernel/unprivileged_userns_clone") == "0" && geteuid() != 0)
    return "sysctl kernel.unprivileged_userns_clone=1, or start trivet as root";
  if (setting("kernel/apparmor_restrict_unprivileged_userns") == "1" && geteuid() != 0)
    return "sysctl kernel.apparmor_restrict_unprivileged_userns=0, or start trivet as root";
  return "start trivet as root with all capabilities, or as a user who may make user namespaces; "
         "in a container: docker run --security-opt seccomp=unconfined "
         "--security-opt systempaths=unconfined, or --privileged";
}

Layer layer_of(Omission which, Level from, bool is_needed) {
  Layer layer;
  layer.name = name(which);
  layer.from = from;
  layer.is_needed = is_needed;
  layer.is_active = true;
  return layer;
}

void miss(Layer& layer, std::string why, std::string fix) {
  layer.is_active = false;
  layer.why = std::move(why);
  layer.fix = std::move(fix);
}

constexpr const char* kKernel = "use Linux 5.13 or later, with CONFIG_SECCOMP_FILTER";
constexpr const char* kNoEffect = "it was set, and has no effect";

// Alone, without a shell; with no_new_privs, which others need.
Layer try_alone(Omission which, Level from, uint32_t id) {
  Layer layer = layer_of(which, from, true);
  Joining how;
  how.level = static_cast<uint32_t>(Level::kSandbox);
  how.id = id;
  how.files = kFiles;
  how.without = ~(bit(which) | bit(kNoNewPrivs));
  Report report = try_join(how, -1);
  if (report.error != 0)
    miss(layer, text_of(report), kKernel);
  else if ((report.holding & bit(which)) == 0)
    miss(layer, kNoEffect, kKernel);
  return layer;
}

Layer try_ids(const Rights& rights) {
  Layer layer = layer_of(kNoIds, Level::kProcess, false);
  if (rights.has_ids) layer = try_alone(kNoIds, Level::kProcess, kOwnId);
  layer.is_needed = rights.has_ids;
  if (!rights.has_ids)
    miss(layer, "trivet has no users to give: it is not root of this machine with its capabilities",
         "start trivet as root: then each sandbox has a user of its own");
  return layer;
}

Layer try_landlock() {
  Layer layer = try_alone(kNoLandlock, Level::kSandbox, kStay);
  layer.is_needed = false;
  int version = landlock_abi();
  if (layer.is_active) return layer;
  constexpr const char* kFix = "use Linux 6.12 or later, with landlock in the boot parameter lsm=";
  if (version == 0) miss(layer, "the kernel has none, or it is switched off", kFix);
  if (version > 0 && layer.why == kNoEffect)
    miss(layer, "the kernel's is version " + std::to_string(version) + ", and signals need 6",
         kFix);
  return layer;
}

// No sandbox could be made. `why` begins with the layer that failed, where that is known: those
// before it are there, unless nothing was begun.
void blame(std::vector<Layer>& layers, const std::string& why, bool is_begun) {
  const std::string fix = fix_for_sandbox(why);
  std::string culprit;
  for (const auto& layer : layers)
    if (why.starts_with(layer.name + ": ")) culprit = layer.name;
  bool is_there = is_begun;
  for (auto& layer : layers) {
    is_there &= layer.name != culprit;
    if (culprit.empty())
      miss(layer, why, fix);
    else if (layer.name == culprit)
      miss(layer, why.substr(culprit.size() + 2), fix);
    else if (!is_there)
      miss(layer, "not tried: there is no sandbox without " + culprit, fix);
  }
}

// What a shell is made of, in the order in which it is made.
std::vector<Layer> try_namespaces(const Trial& trial) {
  std::vector<Layer> layers;
  uint32_t holding = 0;
  Status done = try_sandbox(trial, holding);
  for (Omission which : {kNoPids, kNoNetwork, kNoRoot, kNoUserNamespace}) {
    layers.push_back(layer_of(which, Level::kSandbox, true));
    if (done && (holding & bit(which)) == 0)
      miss(layers.back(), kNoEffect, fix_for_sandbox(kNoEffect));
  }
  if (!done) blame(layers, done.error().message, trial.rights.none.empty());
  return layers;
}

}  // namespace

std::vector<Layer> probe_layers(const Trial& trial) {
  std::vector<Layer> layers;
  layers.push_back(try_alone(kNoRlimits, Level::kProcess, kStay));
  layers.push_back(try_alone(kNoNewPrivs, Level::kProcess, kStay));
  layers.push_back(try_ids(trial.rights));
  layers.push_back(try_alone(kNoCapabilities, Level::kProcess, kStay));
  for (auto& layer : try_namespaces(trial)) layers.push_back(std::move(layer));
  layers.push_back(try_landlock());
  layers.push_back(try_alone(kNoFilter, Level::kSandbox, kStay));
  return layers;
}

}  // namespace trivet::sandbox
