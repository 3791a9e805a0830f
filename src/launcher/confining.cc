// Serving's sandboxes: programs and forks that join shells, and the functions they are assigned to.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "launcher/embedded_guard.h"
#include "launcher/serving.h"
#include "launcher/waiter.h"
#include "os/spawn.h"
#include "sandbox/guard/guard.h"
#include "sandbox/join.h"
#include "sandbox/probe.h"

namespace trivet::launcher {
namespace {

using sandbox::Level;

constexpr size_t kQueuedShells = 2;  // sent to a zygote ahead: its next fork and the one after
constexpr size_t kJoinedMost = 64;   // forks of a zygote that it has not told of

// A runtime's zygote is trusted: it needs what its forks will lose.
int keep_capabilities(void*, const char** step) {
  *step = "keep the capabilities";
  return sandbox::keep_capabilities();
}

// The second number of the line "NSpid: here there ...": what a process is called one pid namespace
// below ours; 0 when it is not there.
pid_t number_below(pid_t pid) {
  std::string path = "/proc/" + std::to_string(pid) + "/status";
  std::unique_ptr<FILE, int (*)(FILE*)> file{std::fopen(path.c_str(), "re"), std::fclose};
  char line[256];
  int here = 0, there = 0;
  while (file && std::fgets(line, sizeof line, file.get()))
    if (std::sscanf(line, "NSpid: %d %d", &here, &there) == 2) return there;
  return 0;
}

Result<os::Fd> guard_file() {
  os::Fd file{memfd_create("trivet-fork-guard", MFD_CLOEXEC)};
  std::string_view bytes = guard();
  while (file && !bytes.empty()) {
    ssize_t n = write(file.get(), bytes.data(), bytes.size());
    if (n <= 0) return io_error("cannot write the fork guard into memory", errno);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  if (!file) return io_error("cannot make a memory file for the fork guard", errno);
  return file;
}

}  // namespace

// False: the start waits for a shell, or was refused.
bool Serving::take_shell(Child& child, Message& message, std::vector<os::Fd>& fds) {
  if (child.level < Level::kSandbox || message.is_zygote) return true;
  if (!rights_.none.empty()) {
    refuse(message.ticket, cannot_sandbox(rights_.none));
    return false;
  }
  child.shell = shells_.take(message.policy.host_network, waiting_.size() + 1);
  if (child.shell == 0 && !shells_.is_making(message.policy.host_network)) {
    refuse(message.ticket, cannot_sandbox(shells_.broken()));
    return false;
  }
  if (child.shell == 0) {
    waiting_.push_back({std::move(message), std::move(fds)});
    return false;
  }
  if (message.is_blank) return true;
  Status complete = shells_.complete(child.shell, message.policy);
  if (complete) return true;
  shells_.end(child.shell);
  if (was_gone(complete.error()) && message.tries++ < kShellTries)
    return take_shell(child, message, fds);
  refuse(message.ticket, complete.error().message);
  return false;
}

std::string Serving::cannot_sandbox(const std::string& why) {
  return "this machine cannot confine it as its level asks: " + why +
         "; `trivet doctor` says what to do, and `sandbox: {level: process}` asks for less";
}

sandbox::Joining Serving::joining(const sandbox::Policy& policy, uint32_t shell) {
  sandbox::Joining how;
  how.level = static_cast<uint32_t>(policy.level);
  how.shell = shell;
  how.id = shell != 0 ? sandbox::kInsideId : sandbox::kStay;
  if (shell != 0 && (shells_.without >> sandbox::kNoUserNamespace & 1) != 0)
    how.id = shells_.find(shell)->id;
  how.files = static_cast<uint64_t>(policy.limits.files);
  if (!groups_.counts_pids()) how.processes = static_cast<uint64_t>(policy.limits.pids);
  how.without = shells_.without;
  // The host's own is not to be joined: without root it is not ours to join.
  if (policy.host_network) how.without |= 1u << sandbox::kNoNetwork;
  return how;
}

Result<os::Child> Serving::spawn_in(Child& child, const Message& message, os::SpawnPlan& plan) {
  if (child.level == Level::kTrusted) return os::spawn(plan);
  if (message.is_zygote) {
    plan.prepare = keep_capabilities;
    // Its forks begin in the pid namespaces of shells, and it has to come back: without root only
    // to one that is ours.
    plan.own_pid_namespace = !rights_.has_ids && child.level >= Level::kSandbox;
    return os::spawn(plan);
  }
  Entry entry{joining(message.policy, child.shell)};
  if (child.shell == 0) {
    // What is built belongs to the user who serves it.
    if (!message.policy.host_network) entry.how.id = shells_.process_id();
    child.group = groups_.take();
    if (Status limited = groups_.limit(child.group, child.limits); !limited)
      return std::move(limited).error();
    entry.groups = groups_.entrances(child.group);
  } else if (sandbox::Shell* found = shells_.find(child.shell)) {
    entry.shell = found->pidfd.get();
    if (auto waiter = shells_.take_waiter(child.shell)) return waiter->spawn(plan, entry);
    entry.groups = groups_.entrances(shells_.group_of(child.shell));
  } else {
    return Error{ErrorCode::kIo, "the first process of its sandbox ended"};
  }
  if (shells_.has_pids()) plan.beside = entry.shell;
  return spawn(plan, entry);
}

// ------------------------------------------------------------------ zygotes

// The zygote's forks are confined by the fork guard, which needs shells.
Status Serving::guard_zygote(Child& child, const Message& message, os::SpawnPlan& plan,
                             os::Fd& theirs) {
  if (message.policy.level == Level::kTrusted) return {};
  if (message.policy.level >= Level::kSandbox && !rights_.none.empty())
    return Error{ErrorCode::kIo, cannot_sandbox(rights_.none)};
  if (!guard_) {
    auto file = guard_file();
    if (!file) return std::move(file).error();
    guard_ = std::move(*file);
  }
  if (!make_control(child.shells, theirs)) return Error{ErrorCode::kIo, "no more sockets"};
  plan.fds.emplace_back(sandbox::kGuardShellsFd, theirs.get());
  plan.fds.emplace_back(sandbox::kGuardLibraryFd, guard_.get());
  plan.env.push_back(std::string{sandbox::kGuardVariable} + "=" +
                     std::to_string(sandbox::kGuardShellsFd));
  plan.env.push_back("LD_PRELOAD=/proc/self/fd/" + std::to_string(sandbox::kGuardLibraryFd));
  return {};
}

// Every runtime's zygote has the shells of its next forks.
void Serving::feed_zygotes() {
  for (auto& [ticket, zygote] : children_) {
    if (!zygote.shells) continue;
    if (zygote.level >= Level::kSandbox)
      std::erase_if(zygote.queued, [this](uint32_t number) { return !shells_.find(number); });
    while (zygote.queued.size() < kQueuedShells) {
      sandbox::Policy policy;
      policy.level = zygote.level;
      std::vector<int> beside;
      uint32_t number = 0;
      if (zygote.level >= Level::kSandbox) {
        number = shells_.take(false, missing_shells());
        if (number == 0) return;  // on_shell() comes back to it
        beside.push_back(shells_.find(number)->pidfd.get());
        shells_.take_waiter(number);  // nobody needs it there
      }
      sandbox::Joining how = joining(policy, number);
      if (number == 0) how.id = shells_.process_id();
      std::string_view bytes{reinterpret_cast<const char*>(&how), sizeof how};
      if (!send_packet(zygote.shells.get(), bytes, beside)) {
        shells_.end(number);
        zygote.shells.reset();
        break;
      }
      zygote.queued.push_back(number);
    }
  }
}

size_t Serving::missing_shells() const {
  size_t missing = waiting_.size();
  for (const auto& [ticket, zygote] : children_)
    if (zygote.shells && zygote.level >= Level::kSandbox)
      missing += kQueuedShells - zygote.queued.size();
  return missing;
}

// A start that waits for a shell, and is not wanted any more.
void Serving::forget_waiting(uint32_t ticket) {
  auto found = std::find_if(waiting_.begin(), waiting_.end(),
                            [&](const Waiting& one) { return one.message.ticket == ticket; });
  if (found == waiting_.end()) return;
  waiting_.erase(found);
  refuse(ticket, "it was ended before it began");
}

// A fork has joined the shell that was sent to its zygote, or has parted from its siblings.
void Serving::on_joined(Child& zygote, pid_t pid, const std::string& body) {
  Joined joined;
  joined.pid = pid;
  int number = 0, used = 0;
  unsigned shell = 0;
  if (std::sscanf(body.c_str(), "%d %u %n", &number, &shell, &used) < 2) return;
  joined.trouble = body.substr(static_cast<size_t>(used));
  joined.number = zygote.shells ? number_beside(zygote, pid) : number;
  confine_joined(zygote, joined, shell);
  uint32_t of = zygote.ticket;
  auto waits = std::find_if(children_.begin(), children_.end(), [&](const auto& one) {
    return one.second.zygote == of && one.second.pid <= 1 && one.second.number == joined.number;
  });
  if (waits != children_.end()) {
    claim(waits->second, joined);
  } else {
    std::erase_if(zygote.joined, [this](const Joined& one) {  // one that ended before it was used
      bool has_ended = ::kill(one.pid, 0) != 0;
      if (has_ended) forget_joined(one);
      return has_ended;
    });
    if (zygote.joined.size() >= kJoinedMost) {
      forget_joined(zygote.joined.front());
      zygote.joined.erase(zygote.joined.begin());
    }
    zygote.joined.push_back(std::move(joined));
  }
  feed_zygotes();
}

// The fork of a runtime's zygote has taken a shell that was sent, which may have ended since. One
// that shares its zygote's sandbox, or is in none, gets a control group of its own: where forks are
// made ahead, long before anybody asks for it.
void Serving::confine_joined(Child& zygote, Joined& joined, uint32_t shell) {
  auto sent = std::find(zygote.queued.begin(), zygote.queued.end(), shell);
  bool is_sent = sent != zygote.queued.end();
  if (is_sent) zygote.queued.erase(sent);
  if (zygote.shells && is_sent) joined.shell = shell;
  if (zygote.shells && !is_sent && joined.trouble.empty())
    joined.trouble = "go on: the first process of its sandbox ended";
  if (!joined.trouble.empty()) return shells_.end(joined.shell);
  if (joined.shell == 0) joined.group = groups_.take();
  std::string group = joined.shell != 0 ? shells_.group_of(joined.shell) : joined.group;
  if (Status added = groups_.add(group, joined.pid); !added) joined.trouble = added.error().message;
}

void Serving::forget_joined(const Joined& joined) {
  shells_.end(joined.shell);
  groups_.end(joined.group);
}

// What a zygote calls a fork of its own.
pid_t Serving::number_beside(const Child& zygote, pid_t pid) const {
  bool is_ours = rights_.has_ids || zygote.level < Level::kSandbox;
  return is_ours ? pid : number_below(pid);
}

// The other way round, among its children; 0: it has none of that number.
pid_t Serving::pid_of(const Child& zygote, pid_t number) const {
  if (rights_.has_ids || zygote.level < Level::kSandbox)
    if (zygote.shells) return number;
  std::string self = std::to_string(zygote.pid);
  std::string path = "/proc/" + self + "/task/" + self + "/children";
  std::unique_ptr<FILE, int (*)(FILE*)> file{std::fopen(path.c_str(), "re"), std::fclose};
  int pid = 0;
  while (file && std::fscanf(file.get(), "%d", &pid) == 1)
    if (number_below(pid) == number) return pid;
  return 0;
}

// What a zygote leaves that nobody was told of.
void Serving::end_unclaimed(Child& zygote) {
  for (uint32_t number : zygote.queued) shells_.end(number);
  for (const auto& joined : zygote.joined) forget_joined(joined);
  zygote.queued.clear();
  zygote.joined.clear();
}

// ------------------------------------------------------------------ shells

void Serving::on_shell(uint32_t number) {
  switch (shells_.on_readable(number)) {
    case Shells::News::kNothing:
      return;
    case Shells::News::kReady:
      return serve_waiting();
    case Shells::News::kBroken:
      for (auto& one : std::exchange(waiting_, {}))
        refuse(one.message.ticket, cannot_sandbox(shells_.broken()));
  }
}

// Who finds none waits again: what is ready may have another network than the first needs.
void Serving::serve_waiting() {
  for (auto& next : std::exchange(waiting_, {})) start(next.message, next.fds);
  feed_zygotes();
}

// Pipes that the host has made are the host's user's. Their new owner may open them by name, too
// (/dev/stderr, /proc/self/fd/4): nobody else sees these names.
void Serving::let_open_again(const std::vector<os::Fd>& fds) {
  for (const auto& fd : fds) {
    struct stat facts {};
    if (fstat(fd.get(), &facts) == 0 && S_ISFIFO(facts.st_mode)) fchmod(fd.get(), 0666);
  }
}

void Serving::assign(Message& message) {
  auto found = children_.find(message.ticket);
  if (found == children_.end()) return;  // its end is told
  if (found->second.pid <= 1)
    found->second.assignment = std::move(message.policy);
  else
    assign_now(found->second, message.policy);
}

void Serving::assign_now(Child& child, const sandbox::Policy& policy) {
  Message reply;
  reply.kind = Kind::kAssigned;
  reply.ticket = child.ticket;
  sandbox::Shell* shell = shells_.find(child.shell);
  if (child.shell != 0 && (!shell || !shell->is_complete))
    if (Status complete = shells_.complete(child.shell, policy); !complete)
      reply.not_started = complete.error().message;
  tell_doors(child);
  auto files = static_cast<rlim_t>(policy.limits.files);
  rlimit most{files, files};
  if (child.level != Level::kTrusted && policy.limits.files != limits::kFilesDefault &&
      prlimit(child.pid, RLIMIT_NOFILE, &most, nullptr) != 0)
    reply.not_started =
        "the limit of open files cannot be set: " + std::string{std::strerror(errno)};
  tell(reply);
}

// Unasked, once: it is known without a trial.
void Serving::tell_limits() {
  Message message;
  message.kind = Kind::kLayers;
  message.layers = groups_.layers();
  mark_left_out(message.layers);
  tell(message);
}

void Serving::answer_probe(uint32_t ticket) {
  Message reply;
  reply.kind = Kind::kLayers;
  reply.ticket = ticket;
  std::string group = groups_.take();
  reply.layers = sandbox::probe_layers(
      {rights_, shells_.plan(false), shells_.without, groups_.entrances(group)});
  groups_.end(group);
  for (auto& layer : groups_.layers()) reply.layers.push_back(std::move(layer));
  mark_left_out(reply.layers);
  tell(reply);
}

void Serving::mark_left_out(std::vector<sandbox::Layer>& layers) const {
  for (auto& layer : layers)
    for (uint32_t i = 0; i < sandbox::kOmissions; ++i) {
      bool is_left_out = shells_.without >> i & 1;
      if (!is_left_out || layer.name != name(static_cast<sandbox::Omission>(i))) continue;
      layer.is_active = false;
      layer.why = std::string{"it is left out by "} + kWithoutLayer;
      layer.fix = std::string{"start trivet without "} + kWithoutLayer;
    }
}

// The host carries on what is connected to them.
void Serving::tell_doors(const Child& child) {
  sandbox::Shell* shell = shells_.find(child.shell);
  if (!shell || shell->doors.empty()) return;
  Message message;
  message.kind = Kind::kDoors;
  message.ticket = child.ticket;
  message.policy.net = shell->net;
  std::vector<int> fds;
  for (const auto& door : shell->doors) fds.push_back(door.get());
  tell(message, fds);
  shell->doors.clear();
}

}  // namespace trivet::launcher
