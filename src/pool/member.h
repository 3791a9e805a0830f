#pragma once
// Member: a worker of a pool, with what the pool knows of it. Inside src/pool.

#include <memory>
#include <string>

#include "pool/pool.h"

namespace trivet::pool {

struct Member {
  Member(Pool& owner, std::unique_ptr<worker::Worker> w, Duration start_time)
      : pool(&owner), worker(std::move(w)), start(start_time), pid(worker->pid()) {}

  int load() const { return worker->busy() + promised; }
  bool free(const catalog::Restart& restart, Instant now) const {
    return worker->alive() && !leaving && load() < worker->capacity() &&
           (restart.max_calls == 0 || granted < restart.max_calls) &&
           (restart.max_age == Duration::zero() || now - worker->started() < restart.max_age);
  }

  Pool* pool;  // null once the pool is gone
  std::unique_ptr<worker::Worker> worker;
  Duration start;        // how long it took
  int pid;               // at its start
  int promised = 0;      // leases that have not begun their call
  int64_t granted = 0;   // leases in all
  bool leaving = false;  // gets no more calls: it makes room for another function's worker
  bool blamed = false;   // the breaker has heard of its failure
  Instant last_used{};
  std::string failure;  // of the last call that failed with it
};

// A call in the queue. Lives in the coroutine that waits; leaves the queue when that is dropped.
struct Pool::Waiting {
  // `first`: it was given a worker that ended before the call began, so it goes before the others.
  Waiting(Pool& pool, Instant now, bool first) : owner(pool), since(now), event(pool.loop_) {
    if (first)
      owner.queue_.push_front(this);
    else
      owner.queue_.push_back(this);
  }
  ~Waiting() { leave(); }
  void leave();
  Pool& owner;
  Instant since;
  bool queued = true;
  loop::Event event;
  std::optional<Lease> lease;
  std::optional<Error> error;
};

}  // namespace trivet::pool
