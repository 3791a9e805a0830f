// The lives of a pool's workers: start, retirement, end.
#include <algorithm>

#include "pool/member.h"

namespace trivet::pool {

using worker::EndReason;

namespace {
constexpr auto kChoreGap = 100ms;  // between two looks at a worker that is busy past its idle time

// Why a worker ended that never was one.
EndReason reason_of_start(ErrorCode code) {
  switch (code) {
    case ErrorCode::kLoadFailed:
      return EndReason::kLoadFailed;
    case ErrorCode::kFunctionTimeout:
      return EndReason::kStartTimeout;
    case ErrorCode::kFunctionCrashed:
      return EndReason::kCrashed;
    case ErrorCode::kInvalidOutput:
      return EndReason::kProtocol;
    default:
      return EndReason::kStartFailed;
  }
}

// A user's or a machine's doing, which the function's author should look at.
bool is_bad(EndReason reason) {
  return reason == EndReason::kCrashed || reason == EndReason::kProtocol ||
         reason == EndReason::kExited;
}
}  // namespace

Standing Pool::standing() const {
  Standing s;
  for (const auto& member : members_) {
    if (member->worker->ended()) continue;
    ++s.workers;
    if (member->free(plan_.restart, loop_.now()))
      s.free_slots += member->worker->capacity() - member->load();
  }
  s.starting = starting_;
  s.waiting = static_cast<int>(queue_.size());
  s.slots_each = slots_each_;
  s.held_back = loop_.now() < no_start_before_;
  return s;
}

void Pool::warm() {
  if (plan_.scale.start == catalog::StartPolicy::kEager && plan_.scale.min == 0)
    plan_.scale.min = 1;
  start_wanted();
}

void Pool::start_wanted() {
  Standing now = standing();
  int wanted = draining_ && queue_.empty() ? 0 : workers_to_start(plan_.scale, now);
  int urgent = 0;  // for calls that wait; the others are to be ready
  if (wanted > 0 && now.waiting > 0) {
    catalog::Scale lazy = plan_.scale;
    lazy.min = 0;
    urgent = workers_to_start(lazy, now);
  }
  int count = account_.take(wanted, urgent, loop_.now());
  starting_ += count;
  for (int i = 0; i < count; ++i) starts_.spawn(start_one());
  // The housekeeper has to wake when the back-off ends, or to ask the budget again.
  if (now.held_back || account_.wants()) chores_.set();
}

loop::Task<> Pool::start_one() {
  ++counts_.starts;
  Instant begin = loop_.now();
  auto started = co_await factory_->start(*this);
  --starting_;
  if (!started) {
    on_start_failed(std::move(started).error());
    co_return;
  }
  start_error_.reset();
  slots_each_ = std::max(1, (*started)->capacity());
  members_.push_back(std::make_shared<Member>(*this, std::move(*started), loop_.now() - begin));
  members_.back()->last_used = loop_.now();
  chores_.set();  // it has an age and an idle time to be looked after
  on_free();
}

bool Pool::may_come() const {
  return starting_ > 0 ||
         std::any_of(members_.begin(), members_.end(), [](auto& m) { return m->worker->alive(); });
}

void Pool::on_start_failed(Error error) {
  account_.give_back();
  ++counts_.start_failures;
  EndReason reason = reason_of_start(error.code);
  ++counts_.ends[static_cast<size_t>(reason)];
  note_exit({0, reason, error.message, loop_.now()});
  ++failures_;
  no_start_before_ = after(loop_.now(), backoff(plan_.restart, failures_, dice()));
  start_error_ = std::move(error);
  if (!may_come()) refuse_queue(*start_error_);
  count_failure(start_error_->text());
  chores_.set();
}

void Pool::on_end() { chores_.set(); }

loop::Task<> Pool::keep_house() {
  for (;;) {
    co_await chores_.wait(next_chore());
    chores_.reset();
    bury_ended();
    serve_queue();
    retire_idle();
    bury_ended();  // a worker without a process ends as soon as it is asked to
    if (!waits()) start_wanted();
    if (draining_ && drain_reason_ == EndReason::kShutdown && queue_.empty()) drop_starts();
    watched_ = !queue_.empty();
    chores_.reset();
    if (drained()) drained_.set();
  }
}

Instant Pool::next_chore() const {
  Instant now = loop_.now();
  Instant next = next_retirement();
  if (next <= now) next = after(now, kChoreGap);
  if (watched_) next = std::min(next, after(now, kStandstill));
  if (account_.wants()) next = std::min(next, after(now, kIdleEnough));
  bool starts_wanted = !queue_.empty() || plan_.scale.min > 0;
  if (no_start_before_ > now && starts_wanted) next = std::min(next, no_start_before_);
  return next;
}

// When the next worker may have been idle, or lived, for long enough.
Instant Pool::next_retirement() const {
  Instant next = kNever;
  auto count = static_cast<int>(members_.size());
  Duration idle = plan_.scale.idle;
  if (count > plan_.scale.max) idle = std::min<Duration>(kSurplusIdle, idle);
  for (const auto& member : members_) {
    if (!member->worker->alive()) continue;
    // A busy worker counts as idle since its last lease: waking too early costs nothing, and a call
    // that ends does not have to wake the housekeeper.
    if (count > plan_.scale.min) next = std::min(next, after(member->last_used, idle));
    if (plan_.restart.max_age > Duration::zero())
      next = std::min(next, after(member->worker->started(), plan_.restart.max_age));
  }
  return next;
}

void Pool::bury_ended() {
  auto ended = std::stable_partition(members_.begin(), members_.end(),
                                     [](auto& m) { return !m->worker->ended(); });
  std::vector<std::shared_ptr<Member>> gone(ended, members_.end());
  members_.erase(ended, members_.end());
  for (auto& member : gone) {
    account_.give_back();
    EndReason reason = member->worker->end_reason();
    ++counts_.ends[static_cast<size_t>(reason)];
    std::string text = member->worker->end_text();
    if (text.empty()) text = member->failure;
    // A fork may have been ready before the launcher told its pid.
    int pid = member->worker->pid();
    note_exit({pid > 0 ? pid : member->pid, reason, text, loop_.now()});
    if (!is_bad(reason)) continue;
    // The first crash is forgiven; a row of them is held back longer and longer.
    if (++failures_ > 1)
      no_start_before_ = after(loop_.now(), backoff(plan_.restart, failures_ - 1, dice()));
    if (!member->blamed)
      count_failure("a worker " + std::string{worker::name(reason)} +
                    (text.empty() ? "" : ": " + text));
  }
}

void Pool::note_exit(ExitView exit) {
  exits_.push_front(std::move(exit));
  if (exits_.size() > limits::kExitsKept) exits_.pop_back();
}

void Pool::retire_idle() {
  Standing now = standing();
  for (auto& member : members_) {
    worker::Worker& worker = *member->worker;
    if (!worker.alive() || member->load() > 0) continue;
    if (member->leaving) {
      --now.workers;
      worker.stop(EndReason::kEvicted);
      continue;
    }
    if (draining_) {
      if (queue_.empty()) worker.stop(drain_reason_);
      continue;
    }
    IdleWorker idle{loop_.now() - member->last_used, loop_.now() - worker.started(),
                    member->granted};
    Fate verdict = fate(plan_.scale, plan_.restart, now, idle);
    if (verdict == Fate::kKeep) continue;
    --now.workers;
    worker.stop(verdict == Fate::kIdle      ? EndReason::kIdle
                : verdict == Fate::kSurplus ? EndReason::kSurplus
                                            : EndReason::kRecycled);
  }
}

void Pool::drain(EndReason reason) {
  draining_ = true;
  drain_reason_ = reason;
  chores_.set();
}

void Pool::kill(EndReason reason) {
  drain(reason);
  for (auto& member : members_) member->worker->kill(reason);
}

bool Pool::drained() const {
  return draining_ && members_.empty() && starting_ == 0 && queue_.empty();
}

// A host that ends does not wait for workers that nobody waits for.
void Pool::drop_starts() {
  starts_.cancel();
  for (; starting_ > 0; --starting_) account_.give_back();
}

Instant Pool::idle_since() const {
  Instant oldest = kNever;
  if (!queue_.empty()) return oldest;
  for (const auto& member : members_)
    if (member->worker->alive() && !member->leaving && member->load() == 0)
      oldest = std::min(oldest, member->last_used);
  return oldest;
}

void Pool::end_idle() {
  Instant oldest = idle_since();
  for (auto& member : members_) {
    bool idle = member->worker->alive() && !member->leaving && member->load() == 0;
    if (!idle || member->last_used != oldest) continue;
    member->leaving = true;
    return chores_.set();
  }
}

std::vector<WorkerView> Pool::workers() const {
  std::vector<WorkerView> views;
  Instant now = loop_.now();
  for (const auto& member : members_) {
    const worker::Worker& w = *member->worker;
    views.push_back({w.pid(),
                     !w.alive()     ? "stopping"
                     : w.busy() > 0 ? "busy"
                                    : "idle",
                     w.busy(), w.calls(), now - w.started(), now - member->last_used});
  }
  return views;
}

PoolView Pool::view() const {
  PoolView view;
  for (const auto& member : members_) {
    if (member->worker->ended()) continue;
    ++view.workers;
    view.busy += member->load() > 0;
  }
  view.starting = starting_;
  view.waiting = static_cast<int>(queue_.size());
  view.breaker = name(breaker_.state(loop_.now())).data();
  view.breaker_opened = breaker_.opened();
  view.starts = counts_.starts;
  view.refused = counts_.refused;
  view.exits.assign(exits_.begin(), exits_.end());
  return view;
}

}  // namespace trivet::pool
