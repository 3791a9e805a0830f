#include "pool/pool.h"

#include <algorithm>

#include "pool/member.h"
#include "wire/text.h"

namespace trivet::pool {

using worker::EndReason;

void Pool::Waiting::leave() {
  if (!std::exchange(queued, false)) return;
  auto it = std::find(owner.queue_.begin(), owner.queue_.end(), this);
  if (it != owner.queue_.end()) owner.queue_.erase(it);
}

// The call that tries whether the function works again, until its lease has it in hand.
struct Pool::Trial {
  ~Trial() {
    if (mine) pool.breaker_.abandoned();
  }
  Lease pass(Lease lease) {
    lease.trial_ = std::exchange(mine, false);
    return lease;
  }
  Pool& pool;
  bool mine;
};

Lease::~Lease() {
  if (!member_) return;
  if (member_->promised > 0 && queued_ >= Duration::zero()) --member_->promised;
  if (!member_->pool) return;
  if (trial_) member_->pool->breaker_.abandoned();
  member_->pool->on_return(begun_);
}

worker::Worker& Lease::begin() {
  --member_->promised;
  queued_ = Duration::min();
  if (member_->pool) begun_ = member_->pool->loop_.now();
  return *member_->worker;
}

bool Lease::usable() const { return member_->worker->alive(); }

void Lease::succeeded() {
  trial_ = false;
  if (!member_->pool) return;
  member_->pool->failures_ = 0;
  member_->pool->breaker_.succeeded(member_->pool->loop_.now());
}

void Lease::failed(const Error& error) {
  if (error.code == ErrorCode::kFunctionError || error.code == ErrorCode::kInvalidInput)
    return succeeded();
  if (member_->pool) member_->pool->on_call_failed(*member_, error);
}

Pool::Pool(loop::Loop& loop, Budget& budget, Plan plan, std::unique_ptr<WorkerFactory> factory)
    : loop_(loop),
      plan_(std::move(plan)),
      factory_(std::move(factory)),
      slots_each_(plan_.scale.concurrency),
      breaker_(plan_.restart.breaker),
      admission_(Admission::settings_for(plan_.timeout)),
      cpus_(budget.settings().cpus),
      random_(static_cast<uint32_t>(loop.now().time_since_epoch().count())),
      chores_(loop),
      drained_(loop),
      scope_(loop),
      starts_(loop),
      account_(budget, *this, plan_.memory) {
  scope_.spawn(keep_house());
}

Pool::~Pool() {
  for (auto& member : members_) member->pool = nullptr;
}

loop::Task<Result<Lease>> Pool::lease(Instant deadline) {
  if (draining_ && members_.empty() && starting_ == 0)
    co_return Error{ErrorCode::kUnavailable,
                    "this version of " + plan_.function + " is being replaced", "try again"};
  auto entry = breaker_.enter(loop_.now());
  if (entry == Breaker::Entry::kRefused) co_return circuit_open();
  Trial trial{*this, entry == Breaker::Entry::kTrial};
  if (queue_.empty() && !waits())
    if (auto member = pick()) co_return trial.pass(grant(member, loop_.now()));
  int before = static_cast<int>(queue_.size());
  if (before >= places_to_wait(plan_.scale, standing()))
    co_return overloaded(std::to_string(before) + " calls of " + plan_.function +
                         " are waiting already");
  if (admission_.refuses(loop_.now(), before, deadline))
    co_return overloaded("a call of " + plan_.function + " would wait for " +
                         wire::format_duration(std::chrono::floor<std::chrono::milliseconds>(
                             admission_.expected_wait(before))));
  if (start_error_ && !may_come() && loop_.now() < no_start_before_) co_return *start_error_;

  bool again = false;
  for (Instant since = loop_.now();; again = true) {
    bool patient = waits();
    Waiting place{*this, since, again};
    if (patient)
      watch_queue();
    else
      serve_or_start();
    co_await place.event.wait(deadline);
    place.leave();
    if (place.error) co_return std::move(*place.error);
    if (!place.lease)
      co_return overloaded("no worker of " + plan_.function + " became free in time");
    if (place.lease->usable()) co_return trial.pass(std::move(*place.lease));
    // The worker ended between the grant and now: its call has not begun, so it waits for another.
  }
}

Error Pool::overloaded(std::string message) {
  ++counts_.refused;
  int64_t seconds = admission_.retry_after_s(static_cast<int>(queue_.size()));
  return Error{ErrorCode::kOverloaded, std::move(message),
               "try again later, or raise scale.max or scale.queue"}
      .with("retry_after_s", std::to_string(seconds));
}

Error Pool::circuit_open() const {
  auto left = std::chrono::ceil<std::chrono::seconds>(breaker_.cooling(loop_.now()));
  Error error{
      ErrorCode::kCircuitOpen,
      "workers of " + plan_.function + " have failed too often lately; the last: " + last_failure_,
      "calls go on once one succeeds; restart.breaker in the manifest sets when to stop"};
  return std::move(error).with("retry_after_s", std::to_string(std::max<int64_t>(1, left.count())));
}

std::shared_ptr<Member> Pool::pick() const {
  std::shared_ptr<Member> best;
  Instant now = loop_.now();
  bool pack = slots_each_ > 1 && crowded();
  for (const auto& member : members_) {
    if (!member->free(plan_.restart, now)) continue;
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
  while (!queue_.empty()) {
    // Whoever was waiting for any worker now waits for a busy one: that must be looked at, too.
    if (waits()) return watch_queue();
    auto member = pick();
    if (!member) return;
    Waiting* first = queue_.front();
    queue_.pop_front();
    first->queued = false;
    first->lease.emplace(grant(member, first->since));
    admission_.granted(loop_.now(), first->lease->queued(), static_cast<int>(queue_.size()));
    first->event.set();
  }
}

void Pool::refuse_queue(const Error& error) {
  for (Waiting* waiting : std::exchange(queue_, {})) {
    waiting->queued = false;
    waiting->error = error;
    waiting->event.set();
  }
}

// What a failed call says of its worker. A worker that fails several calls at once fails once.
void Pool::on_call_failed(Member& member, const Error& error) {
  member.failure = error.message;
  bool timeout = error.code == ErrorCode::kFunctionTimeout;
  bool crash = error.code == ErrorCode::kFunctionCrashed;
  bool garbage = error.code == ErrorCode::kInvalidOutput && !member.worker->alive();
  if (!timeout && !crash && !garbage) return;
  if (!timeout && member.blamed) return;
  member.blamed = member.blamed || !member.worker->alive();
  count_failure(error.text());
}

void Pool::count_failure(std::string text) {
  last_failure_ = std::move(text);
  if (breaker_.failed(loop_.now())) refuse_queue(circuit_open());
}

void Pool::on_free() {
  make_way();
  if (!queue_.empty()) serve_queue();
  if (draining_ || plan_.restart.max_calls > 0 || plan_.restart.max_age > Duration::zero())
    chores_.set();
}

// Another function has waited for a worker, and it is this pool's turn to do with one less. A new
// one has a call first: else, where a start takes longer than a turn, nobody would be served.
void Pool::make_way() {
  if (!account_.is_scarce()) return;
  Instant now = loop_.now();
  for (auto& member : members_) {
    if (!member->worker->alive() || member->leaving || member->load() > 0) continue;
    if (member->granted == 0 && !queue_.empty()) continue;
    if (!account_.must_yield(now)) return;
    member->leaving = true;
    chores_.set();
  }
}

int Pool::in_flight() const {
  int count = 0;
  for (const auto& member : members_) count += member->load();
  return count;
}

}  // namespace trivet::pool
