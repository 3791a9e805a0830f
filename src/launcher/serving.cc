#include "launcher/serving.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "os/spawn.h"

namespace trivet::launcher {
namespace {

constexpr int kControlFd = 5;      // in a zygote
constexpr int kLookEveryMs = 250;  // for such
constexpr int kLastRounds = 400;   // of killing what is left, 5 ms apart

int64_t microseconds(const timeval& t) { return t.tv_sec * 1'000'000 + t.tv_usec; }

// How many processes the kernel has ended for want of memory since it started.
int64_t count_oom_kills() {
  std::unique_ptr<FILE, int (*)(FILE*)> file{std::fopen("/proc/vmstat", "re"), std::fclose};
  if (!file) return 0;
  std::array<char, 256> line;
  while (std::fgets(line.data(), line.size(), file.get()))
    if (std::strncmp(line.data(), "oom_kill ", 9) == 0) return std::atoll(line.data() + 9);
  return 0;
}

// Of two times to wait in milliseconds; -1: for ever.
int sooner(int one, int other) {
  if (one < 0 || other < 0) return std::max(one, other);
  return std::min(one, other);
}

}  // namespace

// What joining a sandbox says whose first process is ending.
bool Serving::was_gone(const Error& error) {
  for (int sign : {ESRCH, ENOMEM})
    if (error.message.find(std::strerror(sign)) != std::string::npos) return true;
  return false;
}

Serving::Serving(os::Fd socket)
    : host_(std::move(socket)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      shells_([this](int fd, uint32_t number) { watch(fd, Source::kShell, number); }, groups_),
      oom_kills_(count_oom_kills()) {
  fcntl(host_.get(), F_SETFD, FD_CLOEXEC);  // it was handed to us over an exec: no child gets it
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  prctl(PR_SET_NAME, "trivet-launcher");
  for (int sig : {SIGTERM, SIGINT, SIGHUP, SIGPIPE}) signal(sig, SIG_IGN);  // the host decides
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child, nullptr);
  signals_ = os::Fd{signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK)};
  rights_ = sandbox::secure_rights();
  shells_.without = sandbox::read_omissions(std::getenv(kWithoutLayer));
  groups_.without = shells_.without;
  shells_.has_ids = rights_.has_ids;
  watch(host_.get(), Source::kHost);
  watch(signals_.get(), Source::kSignals);
}

void Serving::watch(int fd, Source source, uint32_t ticket) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = static_cast<uint64_t>(source) << 32 | ticket;
  epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
}

int Serving::run() {
  tell_limits();
  while (!host_gone_) {
    std::array<epoll_event, 64> events;
    int wait = sooner(groups_.tend(now_ms()), shells_.refill(now_ms()));
    if (unanswered_ > 0) wait = sooner(wait, kLookEveryMs);
    int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), wait);
    for (int i = 0; i < count; ++i) {
      auto source = static_cast<Source>(events[static_cast<size_t>(i)].data.u64 >> 32);
      auto ticket = static_cast<uint32_t>(events[static_cast<size_t>(i)].data.u64);
      switch (source) {
        case Source::kHost:
          on_host();
          break;
        case Source::kSignals:
          on_dead_children();
          break;
        case Source::kControl:
          on_control(ticket);
          break;
        case Source::kShell:
          on_shell(ticket);
          break;
        case Source::kPidfd:
          if (auto found = children_.find(ticket); found != children_.end())
            on_fork_ended(found->second);
      }
    }
    if (unanswered_ > 0) end_silent_zygotes();
  }
  end_everything();
  return 0;
}

void Serving::on_host() {
  Parcel parcel;
  auto received = receive(host_.get(), parcel);
  if (!received || *received == Received::kEnd) {
    host_gone_ = true;
    return;
  }
  if (*received == Received::kNothing) return;
  Message& message = parcel.message;
  switch (message.kind) {
    case Kind::kStart:
      return start(message, parcel.fds);
    case Kind::kFork:
      return fork(message, parcel.fds);
    case Kind::kKill:
      return kill(message.ticket);
    case Kind::kAssign:
      return assign(message);
    case Kind::kRoot:
      shells_.set_paths(std::move(message.argv));
      return shells_.open();
    case Kind::kProbe:
      return answer_probe(message.ticket);
    default:
      host_gone_ = true;  // not a host
  }
}

void Serving::start(Message& message, std::vector<os::Fd>& fds) {
  if (fds.size() != message.targets.size())
    return refuse(message.ticket, "descriptors were lost on the way to the launcher");
  Child child;
  child.ticket = message.ticket;
  child.level = message.policy.level;
  child.limits = message.policy.limits;
  if (!take_shell(child, message, fds)) return;
  let_open_again(fds);
  os::SpawnPlan plan;
  plan.argv = std::move(message.argv);
  plan.env = std::move(message.env);
  plan.env.push_back(message.cookie);
  plan.cwd = std::move(message.cwd);
  for (size_t i = 0; i < fds.size(); ++i) plan.fds.emplace_back(message.targets[i], fds[i].get());
  os::Fd theirs, shells;
  if (message.is_zygote) {
    if (!make_control(child.control, theirs)) return refuse(message.ticket, "no more sockets");
    plan.fds.emplace_back(kControlFd, theirs.get());
    if (Status guarded = guard_zygote(child, message, plan, shells); !guarded)
      return refuse(message.ticket, guarded.error().message);
  }
  auto started = spawn_in(child, message, plan);
  bool is_gone = !started && child.shell != 0 && was_gone(started.error());
  if (!started) shells_.end(child.shell);
  if (!started) groups_.end(child.group);
  if (!started && is_gone && message.tries < kShellTries) {  // not its fault: in another
    ++message.tries;
    message.argv = std::move(plan.argv);
    message.env = std::move(plan.env);
    message.env.pop_back();
    message.cwd = std::move(plan.cwd);
    return start(message, fds);
  }
  if (!started) return refuse(message.ticket, started.error().message);
  child.pid = started->pid;
  child.cookie = std::move(message.cookie);
  if (child.control) watch(child.control.get(), Source::kControl, child.ticket);
  uint32_t ticket = child.ticket;
  adopt(std::move(child), ticket);
  tell_doors(children_.at(ticket));
  feed_zygotes();
}

// It is there: from now on its end is told.
void Serving::adopt(Child child, uint32_t ticket) {
  by_pid_[child.pid] = ticket;
  Message reply;
  reply.kind = Kind::kStarted;
  reply.ticket = ticket;
  reply.pid = child.pid;
  children_.insert_or_assign(ticket, std::move(child));
  tell(reply);
}

void Serving::kill(uint32_t ticket) {
  auto found = children_.find(ticket);
  if (found == children_.end()) return forget_waiting(ticket);
  Child& child = found->second;
  child.killed = true;
  shells_.end(child.shell);
  if (child.pid <= 1) return;  // a fork on its way: killed once we know its pid
  // Not reaped yet, whoever its parent is, so the pid is still its own. What it started is killed
  // when its end is told.
  ::kill(child.pid, SIGKILL);
  os::kill_group(child.pid);
}

// ------------------------------------------------------------------ ends

void Serving::on_dead_children() {
  std::array<char, 1024> told;
  while (read(signals_.get(), told.data(), told.size()) > 0) {
  }
  for (;;) {
    siginfo_t ended{};
    if (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid == 0) return;
    auto known = by_pid_.find(ended.si_pid);
    if (known != by_pid_.end())
      bury(children_.at(known->second));
    else if (shells_.bury(ended.si_pid))
      feed_zygotes();  // one that waited for its fork may be among them
    else
      waitpid(ended.si_pid, nullptr, WNOHANG);  // an orphan that came to us
  }
}

// Our own child, or one that was its zygote's, is a zombie.
void Serving::bury(Child& child) {
  kill_leftovers(child);
  int status = SIGKILL;  // when it cannot be known: it ended with its zygote
  rusage used{};
  if (wait4(child.pid, &status, WNOHANG, &used) == 0) {
    child.reaping = false;  // it is still its zygote's: SIGCHLD comes when it is ours
    return;
  }
  report(child, status, used);
}

// Its process group, always; and what has left that, when there is a process here that we do not
// know. To look through all processes takes a millisecond, so it is not done for nothing.
void Serving::kill_leftovers(const Child& child) {
  os::kill_group(child.pid);
  if (child.shell != 0) return shells_.end(child.shell);  // all that it started is inside
  for (pid_t pid : os::children()) {
    if (by_pid_.count(pid) || shells_.owns(pid)) continue;
    return os::kill_tree(child.pid, child.cookie);
  }
}

void Serving::report(Child& child, int wait_status, const rusage& used) {
  os::ExitStatus status = os::exit_status(wait_status);
  Message reply;
  reply.kind = Kind::kExited;
  reply.ticket = child.ticket;
  reply.code = status.code;
  reply.signal = status.signal;
  reply.user_us = microseconds(used.ru_utime);
  reply.system_us = microseconds(used.ru_stime);
  reply.max_rss_kib = used.ru_maxrss;
  if (status.signal == SIGKILL && !child.killed) {
    std::string group = child.shell != 0 ? shells_.group_of(child.shell) : child.group;
    reply.out_of_memory =
        group.empty() ? ended_for_want_of_memory() : groups_.ran_out_of_memory(group);
    auto zygote = children_.find(child.zygote);
    reply.with_zygote = child.zygote != 0 && (zygote == children_.end() || !zygote->second.control);
  }
  uint32_t ticket = child.ticket;
  bool was_zygote = static_cast<bool>(child.control);
  end_unclaimed(child);
  forget(ticket);
  tell(reply);
  if (was_zygote) orphan_forks(ticket);
}

void Serving::forget(uint32_t ticket) {
  auto found = children_.find(ticket);
  if (found == children_.end()) return;
  shells_.end(found->second.shell);
  groups_.end(found->second.group);
  by_pid_.erase(found->second.pid);
  children_.erase(found);
}

void Serving::refuse(uint32_t ticket, std::string why) {
  forget(ticket);
  Message reply;
  reply.kind = Kind::kExited;
  reply.ticket = ticket;
  reply.not_started = std::move(why);
  tell(reply);
}

void Serving::tell(const Message& message, const std::vector<int>& fds) {
  if (host_gone_) return;
  if (!send(host_.get(), message, fds)) host_gone_ = true;
}

// The kernel counts these for the whole machine: one more than before, and a SIGKILL that nobody
// here sent, are as good as certain.
bool Serving::ended_for_want_of_memory() {
  int64_t now = count_oom_kills();
  return now > std::exchange(oom_kills_, now);
}

// Whatever has come of our children becomes ours when its parent dies: so we kill our children
// until there are none.
void Serving::end_everything() {
  shells_.end_all();
  for (auto& [ticket, child] : children_)
    if (child.pid > 1) {
      ::kill(child.pid, SIGKILL);
      os::kill_group(child.pid);
    }
  for (int round = 0; round < kLastRounds; ++round) {
    for (pid_t pid : os::children()) ::kill(pid, SIGKILL);
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    if (errno == ECHILD && os::children().empty()) return;
    poll(nullptr, 0, 5);
  }
}

}  // namespace trivet::launcher
