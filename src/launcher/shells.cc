#include "launcher/shells.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace trivet::launcher {
namespace {

constexpr int kAhead = 2;           // ready, while nothing happens
constexpr size_t kMakingMost = 8;   // at once
constexpr int kEndedEarlyMost = 5;  // in a row
constexpr int64_t kSettleMs = 10;   // between a shell that was taken and the making of the next
constexpr int64_t kRetryMs = 5000;  // after one that could not be made
constexpr int64_t kMakeWithinMs = 5000;
using sandbox::kFirstId, sandbox::kIds;
constexpr uint32_t kIdStride = 251;  // launchers begin at different users

}  // namespace

int64_t now_ms() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000 + t.tv_nsec / 1'000'000;
}

Shells::Shells(std::function<void(int fd, Number)> watch, Groups& groups)
    : watch_(std::move(watch)),
      groups_(groups),
      next_id_(static_cast<uint32_t>(getpid()) * kIdStride % kIds) {}

sandbox::RootPlan Shells::plan(bool host_network) const {
  sandbox::RootPlan plan;
  plan.paths = paths_;
  plan.host_network = host_network || (without >> sandbox::kNoNetwork & 1) != 0;
  return plan;
}

void Shells::set_paths(std::vector<std::string> paths) {
  if (paths == paths_) return;
  paths_ = std::move(paths);
  std::vector<Number> old;
  for (const auto& [number, made] : made_)
    if (made.state == State::kReady || made.state == State::kMaking) old.push_back(number);
  for (Number number : old) end(number);
  if (is_open_) refill_at_ms_ = now_ms();
}

int Shells::count(State state, bool host_network) const {
  return static_cast<int>(std::count_if(made_.begin(), made_.end(), [&](const auto& one) {
    return one.second.state == state && one.second.host_network == host_network;
  }));
}

Shells::Number Shells::take(bool host_network, size_t needed) {
  refill_at_ms_ = now_ms() + kSettleMs;
  for (auto& [number, made] : made_) {
    if (made.state != State::kReady || made.host_network != host_network || has_ended(made.shell))
      continue;
    made.state = State::kTaken;
    return number;
  }
  int most = static_cast<int>(std::min(needed, kMakingMost));
  while (count(State::kMaking, host_network) < most)
    if (!begin(host_network)) break;
  return 0;
}

sandbox::Shell* Shells::find(Number number) {
  auto found = made_.find(number);
  return found == made_.end() ? nullptr : &found->second.shell;
}

// Whatever ended it, its end has not been told yet.
bool Shells::has_ended(const sandbox::Shell& shell) {
  siginfo_t ended{};
  return waitid(P_PID, static_cast<id_t>(shell.init), &ended, WEXITED | WNOHANG | WNOWAIT) != 0 ||
         ended.si_pid != 0;
}

std::string Shells::group_of(Number number) const {
  auto found = made_.find(number);
  return found == made_.end() ? std::string{} : found->second.group;
}

uint32_t Shells::process_id() { return has_ids ? free_id() : sandbox::kStay; }

uint32_t Shells::free_id() {
  if (!has_ids) return geteuid();
  while (ids_.count(kFirstId + next_id_ % kIds)) ++next_id_;
  return kFirstId + next_id_++ % kIds;
}

bool Shells::begin(bool host_network) {
  uint32_t id = free_id();
  std::string group = groups_.take();
  auto begun = sandbox::begin_shell(plan(host_network), id, without, groups_.entrances(group));
  if (!begun) {
    groups_.end(group);
    broken_ = begun.error().message;
    refill_at_ms_ = now_ms() + kRetryMs;
    return false;
  }
  Number number = next_++;
  by_init_[begun->init] = number;
  ids_.insert(id);
  watch_(begun->socket.get(), number);
  made_.emplace(number, Made{std::move(*begun), State::kMaking, host_network, std::move(group)});
  return true;
}

// Somebody may be in need of a shell now, who does not need a waiter: so this comes a moment later.
void Shells::begin_waiter(Made& made) {
  auto begun = Waiter::begin(made.shell.pidfd.get(), has_pids(), groups_.entrances(made.group));
  if (!begun) return;  // it is but quicker with one
  waiters_.insert(begun->pid());
  made.waiter.emplace(std::move(*begun));
}

std::optional<Waiter> Shells::take_waiter(Number number) {
  auto found = made_.find(number);
  if (found == made_.end() || !found->second.waiter) return std::nullopt;
  auto waiter = std::exchange(found->second.waiter, std::nullopt);
  if (!waiter->is_ready()) return std::nullopt;
  return waiter;
}

Shells::News Shells::on_readable(Number number) {
  auto found = made_.find(number);
  if (found == made_.end()) return News::kNothing;
  Made& made = found->second;
  std::array<char, 512> packet;
  ssize_t n = recv(made.shell.socket.get(), packet.data(), packet.size(), MSG_DONTWAIT);
  if (n < 0) return News::kNothing;
  if (n == 1 && packet[0] == sandbox::kMapMe) {
    Status mapped = sandbox::map_shell(made.shell);
    if (mapped) return News::kNothing;
    if (has_ended(made.shell)) return begin_again(number);
    broken_ = "user-namespace: " + mapped.error().message;
  } else if (n == 1 && packet[0] == sandbox::kReady) {
    made.state = State::kReady;
    made.shell.socket.reset();
    broken_.clear();
    ended_early_ = 0;
    if (refill_at_ms_ == 0) refill_at_ms_ = now_ms() + kSettleMs;
    return News::kReady;
  } else if (n <= 1) {
    return begin_again(number);
  } else {
    broken_ = std::string{packet.data() + 1, static_cast<size_t>(n - 1)};
  }
  end(number);
  refill_at_ms_ = now_ms() + kRetryMs;
  return News::kBroken;
}

// Somebody ended it while it was made: that says nothing, unless it happens each time.
Shells::News Shells::begin_again(Number number) {
  bool host_network = made_.at(number).host_network;
  end(number);
  if (++ended_early_ < kEndedEarlyMost && begin(host_network)) return News::kNothing;
  if (ended_early_ >= kEndedEarlyMost)
    broken_ = "the first process of a sandbox ended while it was made";
  refill_at_ms_ = now_ms() + kRetryMs;
  return News::kBroken;
}

Status Shells::complete(Number number, const sandbox::Policy& policy) {
  auto found = made_.find(number);
  if (found == made_.end()) return Error{ErrorCode::kIo, "the first process of its sandbox ended"};
  Made& made = found->second;
  if (Status limited = groups_.limit(made.group, policy.limits); !limited) return limited;
  return sandbox::complete_shell(made.shell, plan(made.host_network), policy);
}

void Shells::end(Number number) {
  auto found = made_.find(number);
  if (found == made_.end() || found->second.state == State::kEnded) return;
  found->second.state = State::kEnded;
  found->second.shell.socket.reset();
  found->second.waiter.reset();
  kill(found->second.shell.init, SIGKILL);
}

bool Shells::bury(pid_t pid) {
  if (waiters_.erase(pid) > 0) return waitpid(pid, nullptr, WNOHANG) > 0;
  auto known = by_init_.find(pid);
  if (known == by_init_.end()) return false;
  waitpid(pid, nullptr, WNOHANG);
  ids_.erase(made_.at(known->second).shell.id);
  groups_.end(made_.at(known->second).group);
  made_.erase(known->second);
  by_init_.erase(known);
  return true;
}

int Shells::refill(int64_t now) {
  int wait = end_stopped(now);
  if (!is_open_ || refill_at_ms_ == 0) return wait;
  if (now < refill_at_ms_) {
    int missing_in = static_cast<int>(refill_at_ms_ - now);
    return wait < 0 ? missing_in : std::min(wait, missing_in);
  }
  refill_at_ms_ = 0;
  int missing = kAhead - count(State::kReady, false) - count(State::kMaking, false);
  for (; missing > 0; --missing)
    if (!begin(false)) break;
  for (auto& [number, made] : made_)
    if (made.state == State::kReady && !made.host_network && !made.waiter) begin_waiter(made);
  return end_stopped(now);
}

// One that takes as long was stopped: on_readable() hears of its end. The milliseconds until the
// next may be one, -1: none is being made.
int Shells::end_stopped(int64_t now) {
  int wait = -1;
  for (auto& [number, made] : made_) {
    if (made.state != State::kMaking) continue;
    int left = static_cast<int>(made.begun_ms + kMakeWithinMs - now);
    if (left <= 0) kill(made.shell.init, SIGKILL);
    left = std::max(left, 1);
    wait = wait < 0 ? left : std::min(wait, left);
  }
  return wait;
}

void Shells::end_all() {
  for (auto& [number, made] : made_) end(number);
}

}  // namespace trivet::launcher
