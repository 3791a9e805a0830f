#include "pool/pool.h"

#include <sched.h>

#include <algorithm>

namespace trivet::pool {

using worker::EndReason;

namespace {
constexpr auto kChoreGap = 100ms;  // between two looks at a worker that is busy past its idle time

// CPUs that this process may run on.
int count_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? std::max(1, CPU_COUNT(&set)) : 1;
}
}  // namespace

struct Member {
  Member(Pool& owner, std::unique_ptr<worker::Worker> w, Duration start_time)
      : pool(&owner), worker(std::move(w)), start(start_time) {}

  int load() const { return worker->busy() + promised; }
  bool free(int64_t max_calls) const {
    return worker->alive() && load() < worker->capacity() &&
           (max_calls == 0 || granted < max_calls);
  }

  Pool* pool;  // null once the pool is gone
  std::unique_ptr<worker::Worker> worker;
  Duration start;       // how long it took
  int promised = 0;     // leases that have not begun their call
  int64_t granted = 0;  // leases in all
  Instant last_used{};
};

// A call in the queue. Lives in the coroutine that waits; leaves the queue when that is dropped.
struct Pool::Waiting {
  Waiting(Pool& pool, Instant now) : owner(pool), since(now), event(pool.loop_) {
    owner.queue_.push_back(this);
  }
  ~Waiting() { leave(); }
  void leave() {
    auto it = std::find(owner.queue_.begin(), owner.queue_.end(), this);
    if (it != owner.queue_.end()) owner.queue_.erase(it);
  }
  Pool& owner;
  Instant since;
  loop::Event event;
  std::optional<Lease> lease;
  std::optional<Error> error;
};

Lease::~Lease() {
  if (!member_) return;
  if (member_->promised > 0 && queued_ >= Duration::zero()) --member_->promised;
  if (member_->pool) member_->pool->on_return(begun_);
}

worker::Worker& Lease::begin() {
  --member_->promised;
  queued_ = Duration::min();
  if (member_->pool) begun_ = member_->pool->loop_.now();
  return *member_->worker;
}

bool Lease::usable() const { return member_->worker->alive(); }

void Lease::succeeded() {
  if (member_->pool) member_->pool->failures_ = 0;
}

Pool::Pool(loop::Loop& loop, Plan plan, std::unique_ptr<WorkerFactory> factory)
    : loop_(loop),
      plan_(std::move(plan)),
      factory_(std::move(factory)),
      slots_each_(plan_.scale.concurrency),
      cpus_(count_cpus()),
      random_(static_cast<uint32_t>(loop.now().time_since_epoch().count())),
      chores_(loop),
      drained_(loop),
      scope_(loop) {
  scope_.spawn(keep_house());
}

Pool::~Pool() {
  for (auto& member : members_) member->pool = nullptr;
}

loop::Task<Result<Lease>> Pool::lease(Instant deadline) {
  if (draining_ && members_.empty() && starting_ == 0)
    co_return Error{ErrorCode::kUnavailable,
                    "this version of " + plan_.function + " is being replaced", "try again"};
  if (queue_.empty() && !waits())
    if (auto member = pick()) co_return grant(member, loop_.now());
  if (static_cast<int>(queue_.size()) >= places_to_wait(plan_.scale, standing()))
    co_return overloaded(std::to_string(queue_.size()) + " calls of " + plan_.function +
                         " are waiting already");
  bool may_come = starting_ > 0 || std::any_of(members_.begin(), members_.end(),
                                               [](auto& m) { return m->worker->alive(); });
  if (start_error_ && !may_come && loop_.now() < no_start_before_) co_return *start_error_;

  for (Instant since = loop_.now();;) {
    bool patient = waits();
    Waiting place{*this, since};
    if (patient)
      watch_queue();
    else
      serve_or_start();
    bool in_time = co_await place.event.wait(deadline);
    place.leave();
    if (!in_time) co_return overloaded("no worker of " + plan_.function + " became free in time");
    if (place.error) co_return std::move(*place.error);
    if (place.lease->usable()) co_return std::move(*place.lease);
    // The worker ended between the grant and now: its call has not begun, so it waits for another.
  }
}

Error Pool::overloaded(std::string message) const {
  auto& refused = const_cast<PoolCounts&>(counts_).refused;
  ++refused;
  return Error{ErrorCode::kOverloaded, std::move(message),
               "try again later, or raise scale.max or scale.queue"}
      .with("retry_after_s", "1");
}

std::shared_ptr<Member> Pool::pick() const {
  std::shared_ptr<Member> best;
  bool pack = slots_each_ > 1 && crowded();
  for (const auto& member : members_) {
    if (!member->free(plan_.restart.max_calls)) continue;
    // The least loaded, or the most loaded where one more busy worker is no help; among equals the
    // one used last, whose caches are warm, so that the others may fall idle.
    bool better = !best || (pack ? member->load() > best->load() : member->load() < best->load()) ||
                  (member->load() == best->load() && member->last_used > best->last_used);
    if (better) best = member;
  }
  return best;
}

Lease Pool::grant(const std::shared_ptr<Member>& member, Instant since) {
  Instant now = loop_.now();
  Duration waited = now - since;
  Duration start{};
  if (member->granted == 0) start = std::min(member->start, waited);
  ++member->granted;
  ++member->promised;
  member->last_used = now;
  moved_ = now;
  // Others wait for this worker's next moment: it is not slept through.
  bool is_short = run_ > Duration::zero() && run_ <= kShort;
  if (is_short && !queue_.empty()) loop_.expect_within(run_ * 2);
  return Lease{member, waited - start, start};
}

bool Pool::waits() const {
  return slots_each_ == 1 && crowded();  // workers that take several calls at once are packed
}

bool Pool::crowded() const {
  Demand demand;
  for (const auto& member : members_) demand.busy += member->load() > 0 && member->worker->alive();
  demand.cpus = cpus_;
  demand.run = run_;
  demand.since_moved = loop_.now() - moved_;
  return should_wait(demand);
}

// Makes the housekeeper look again in a moment: a queue that stands still is served otherwise.
void Pool::watch_queue() {
  if (watched_) return;
  watched_ = true;
  chores_.set();
}

void Pool::on_return(Instant begun) {
  if (begun != Instant{}) {
    // Steps down three times as large as those up find what a quarter of the calls stay below.
    Duration run = loop_.now() - begun;
    if (run_ == Duration::zero()) run_ = run;
    run_ += run < run_ ? -(run_ * 3 / 64) : run_ / 64;
  }
  on_free();
}

void Pool::serve_or_start() {
  serve_queue();
  start_wanted();
}

void Pool::serve_queue() {
  while (!queue_.empty() && !waits()) {
    auto member = pick();
    if (!member) return;
    Waiting* first = queue_.front();
    queue_.pop_front();
    first->lease.emplace(grant(member, first->since));
    first->event.set();
  }
}

Standing Pool::standing() const {
  Standing s;
  for (const auto& member : members_) {
    if (member->worker->ended()) continue;
    ++s.workers;
    if (member->free(plan_.restart.max_calls))
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
  if (draining_ && queue_.empty()) return;
  Standing now = standing();
  int count = workers_to_start(plan_.scale, now);
  starting_ += count;
  for (int i = 0; i < count; ++i) scope_.spawn(start_one());
  if (now.held_back) chores_.set();  // the housekeeper has to wake when the back-off ends
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

void Pool::on_start_failed(Error error) {
  ++counts_.start_failures;
  ++failures_;
  Duration delay = backoff(plan_.restart, failures_, static_cast<double>(random_() % 1000) / 1000);
  no_start_before_ = after(loop_.now(), delay);
  start_error_ = std::move(error);
  bool others = starting_ > 0 || std::any_of(members_.begin(), members_.end(),
                                             [](auto& m) { return m->worker->alive(); });
  if (!others) {
    for (Waiting* waiting : std::exchange(queue_, {})) {
      waiting->error = *start_error_;
      waiting->event.set();
    }
  }
  chores_.set();
}

void Pool::on_free() {
  if (!queue_.empty()) serve_queue();
  if (draining_ || plan_.restart.max_calls > 0) chores_.set();
}

void Pool::on_end() { chores_.set(); }

loop::Task<> Pool::keep_house() {
  for (;;) {
    co_await chores_.wait(next_chore());
    chores_.reset();
    bury_ended();
    serve_queue();
    retire_idle();
    if (!waits()) start_wanted();
    watched_ = !queue_.empty();
    chores_.reset();
    if (drained()) drained_.set();
  }
}

Instant Pool::next_chore() const {
  Instant next = kNever;
  Instant now = loop_.now();
  if (watched_) next = after(now, kStandstill);
  if (no_start_before_ > now && (!queue_.empty() || plan_.scale.min > 0))
    next = std::min(next, no_start_before_);
  for (const auto& member : members_) {
    if (!member->worker->alive()) continue;
    // A busy worker counts as idle since its last lease: waking too early costs nothing, and a call
    // that ends does not have to wake the housekeeper.
    auto count = static_cast<int>(members_.size());
    if (count > plan_.scale.min)
      next = std::min(next, after(member->last_used, count > plan_.scale.max
                                                         ? std::min(kSurplusIdle, plan_.scale.idle)
                                                         : plan_.scale.idle));
    if (plan_.restart.max_age > Duration::zero())
      next = std::min(next, after(member->worker->started(), plan_.restart.max_age));
  }
  return next <= now ? after(now, kChoreGap) : next;
}

void Pool::bury_ended() {
  auto ended = std::stable_partition(members_.begin(), members_.end(),
                                     [](auto& m) { return !m->worker->ended(); });
  for (auto it = ended; it != members_.end(); ++it) {
    EndReason reason = (*it)->worker->end_reason();
    ++counts_.ends[static_cast<size_t>(reason)];
    bool bad = reason == EndReason::kCrashed || reason == EndReason::kProtocol ||
               reason == EndReason::kExited;
    if (!bad) continue;
    // The first crash is forgiven; a row of them is held back longer and longer.
    if (++failures_ > 1)
      no_start_before_ = after(loop_.now(), backoff(plan_.restart, failures_ - 1,
                                                    static_cast<double>(random_() % 1000) / 1000));
  }
  members_.erase(ended, members_.end());
}

void Pool::retire_idle() {
  Standing now = standing();
  for (auto& member : members_) {
    worker::Worker& worker = *member->worker;
    if (!worker.alive() || member->load() > 0) continue;
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

int Pool::in_flight() const {
  int count = 0;
  for (const auto& member : members_) count += member->load();
  return count;
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

}  // namespace trivet::pool
