// What is looked at after each step of a simulated host, and at its end.
#include "dispatch/sim_world_test.h"

namespace trivet::sim {

void World::look() {
  auto rows = dispatcher_.pools();
  look_at_calls();
  look_at_wake_ups(rows);
  look_at_pools(rows);
  look_at_budget();
}

void World::look_at_calls() {
  Instant now = clock_.now();
  for (const auto& [number, asked] : asked_)
    if (asked.latest < now) stage_.violate("call " + std::to_string(number) + " has no answer");
  if (!asked_.empty() && loop_.next_timer() == kNever)
    stage_.violate("calls wait and nothing will happen");
}

void World::look_at_wake_ups(const Rows& rows) {
  Instant now = clock_.now();
  if (!dispatcher_.waits_beside_free()) {
    beside_free_ = kNever;
    return;
  }
  // The queue may move while one is free: then it is the others' calls that go on.
  int waiting = 0;
  // That a call was given a worker is seen, too, when it asks at once and waits in its turn.
  int64_t answered = out_.answered + stage_.begun;
  for (const auto& row : rows) waiting += row.view.waiting;
  bool moves = answered_then_ != answered || waiting_then_ != waiting;
  if (beside_free_ == kNever || moves) beside_free_ = now;
  answered_then_ = answered;
  waiting_then_ = waiting;
  if (loop_.next_timer() > beside_free_ + kMoment)
    stage_.violate("a call waits while a worker is free");
}

void World::look_at_pools(const Rows& rows) {
  Instant now = clock_.now();
  bool full = budget_.scarce();
  for (const auto& row : rows) {
    const catalog::FunctionSpec& spec = version(row.function, row.version).spec;
    int most = spec.scale.max + spec.scale.overflow;
    if (row.view.workers + row.view.starting > most)
      stage_.violate(row.function + " has more workers than it may");
    if (row.view.waiting > spec.scale.queue + most * spec.scale.concurrency)
      stage_.violate(row.function + " has a longer queue than it may");
    bool alone = row.view.waiting > 0 && row.view.workers + row.view.starting == 0 && !full;
    if (!alone && unserved_.empty()) continue;
    std::string key = row.function + "@" + row.version;
    if (!alone) {
      unserved_.erase(key);
      continue;
    }
    Instant since = unserved_.emplace(key, now).first->second;
    if (loop_.next_timer() > since + spec.restart.backoff_max + pool::kIdleEnough)
      stage_.violate("calls of " + row.function + " wait and no worker is started");
  }
}

void World::look_at_budget() {
  const auto& settings = budget_.settings();
  if (budget_.workers() > settings.max_workers || stage_.processes > settings.max_workers)
    stage_.violate("the host has more workers than it may");
  bool too_much =
      settings.max_memory > 0 && budget_.workers() > 1 && budget_.memory() > settings.max_memory;
  if (too_much) stage_.violate("the workers have more memory than they may");
  if (stage_.processes > budget_.workers()) stage_.violate("a process is in no account");
}

void World::come_to_rest() {
  for (int i = 0; i < kRowsLeft && ok() && !asked_.empty(); ++i) {
    if (!advance_to_next()) break;
    look();
  }
  if (!asked_.empty()) stage_.violate("calls are left without an answer");
}

void World::drain() {
  scope_.spawn(dispatcher_.drain(clock_.now() + 1s));
  turn();
  for (int i = 0; i < kRowsLeft && ok() && scope_.size() > 0; ++i)
    if (!advance_to_next()) break;
  if (scope_.size() > 0) return stage_.violate("the host does not come to its end");
  turn();
  if (dispatcher_.in_flight() != 0) stage_.violate("calls are left in flight");
  if (!dispatcher_.pools().empty()) stage_.violate("pools are left");
  if (!stage_.workers.empty()) stage_.violate("workers are left");
  if (stage_.processes != 0) stage_.violate("processes are left");
  if (budget_.workers() != 0 || budget_.memory() != 0 || budget_.scarce())
    stage_.violate("shares of the budget are left");
}

}  // namespace trivet::sim
