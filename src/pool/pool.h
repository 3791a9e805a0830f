#pragma once
// Pool: keeps the right number of workers for one version of one function and lends them to calls.
//
// A call leases a worker, uses it, and gives it back by dropping the Lease. When none is free the
// call waits in a bounded queue, first come first served, while the pool starts more as policy.h
// says. A housekeeping task buries workers that have ended, retires idle ones and waits out the
// back-off. All on the loop's thread.

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "catalog/function.h"
#include "loop/loop.h"
#include "loop/scope.h"
#include "pool/policy.h"
#include "worker/worker.h"

namespace trivet::pool {

// Makes workers; dispatch has the real one, tests a fake.
class WorkerFactory {
 public:
  virtual ~WorkerFactory() = default;
  virtual loop::Task<Result<std::unique_ptr<worker::Worker>>> start(
      worker::WorkerObserver& observer) = 0;
};

// Counted over a pool's life.
struct PoolCounts {
  int64_t starts = 0, start_failures = 0, refused = 0;
  std::array<int64_t, worker::kEndReasonCount> ends{};  // by worker::EndReason
};

// One worker, for lists.
struct WorkerView {
  int pid = 0;
  const char* state = "";  // "idle", "busy", "stopping"
  int busy = 0;
  int64_t calls = 0;
  Duration age{}, idle{};
};

class Pool;
struct Member;

// A worker lent to one call. Move-only; dropping it gives the worker back.
class Lease {
 public:
  Lease(Lease&& other) noexcept = default;
  Lease& operator=(Lease&&) = delete;
  ~Lease();

  // The worker, for one invoke() that must begin at once. Call exactly once.
  worker::Worker& begin();
  Duration queued() const { return queued_; }
  Duration started() const { return started_; }  // zero: the worker was warm
  // False when the worker has ended since it was lent.
  bool usable() const;
  // The call's outcome, for the back-off: a success ends a row of failures.
  void succeeded();

 private:
  friend class Pool;
  Lease(std::shared_ptr<Member> member, Duration queued, Duration started)
      : member_(std::move(member)), queued_(queued), started_(started) {}
  std::shared_ptr<Member> member_;
  Duration queued_, started_;
  Instant begun_{};
};

class Pool final : public worker::WorkerObserver {
 public:
  struct Plan {
    catalog::Scale scale;
    catalog::Restart restart;
    std::string function;
  };
  Pool(loop::Loop& loop, Plan plan, std::unique_ptr<WorkerFactory> factory);
  ~Pool();

  // Waits at most until `deadline`. kOverloaded (queue full, or no worker in time; detail
  // retry_after_s), kUnavailable when drained, or why a worker could not be started. Dropping the
  // task leaves the queue.
  loop::Task<Result<Lease>> lease(Instant deadline);

  // Starts what scale.min and scale.start ask for.
  void warm();
  // Gives no new leases to new callers; those who wait are served; workers are stopped as they fall
  // idle.
  void drain(worker::EndReason reason);
  void kill(worker::EndReason reason);
  bool drained() const;
  // Set when drain() has been asked and nothing is left.
  loop::Event& drained_event() { return drained_; }

  int waiting() const { return static_cast<int>(queue_.size()); }
  int in_flight() const;
  const PoolCounts& counts() const { return counts_; }
  std::vector<WorkerView> workers() const;

  void on_free() override;
  void on_end() override;

 private:
  friend class Lease;
  struct Waiting;

  Standing standing() const;
  bool waits() const;  // a call that asks now
  bool crowded() const;
  void watch_queue();
  void on_return(Instant begun);
  void serve_or_start();
  std::shared_ptr<Member> pick() const;
  Lease grant(const std::shared_ptr<Member>& member, Instant since);
  void serve_queue();
  void start_wanted();
  loop::Task<> start_one();
  void on_start_failed(Error error);
  loop::Task<> keep_house();
  void bury_ended();
  void retire_idle();
  Instant next_chore() const;
  Error overloaded(std::string message) const;

  loop::Loop& loop_;
  Plan plan_;
  std::unique_ptr<WorkerFactory> factory_;
  std::vector<std::shared_ptr<Member>> members_;
  std::deque<Waiting*> queue_;
  int starting_ = 0;
  Duration run_{};        // what a quarter of the calls stay below
  Instant moved_{};       // when a call was last given a worker
  bool watched_ = false;  // the housekeeper looks whether the queue moves
  int slots_each_ = 1;
  int failures_ = 0;  // in a row: starts that failed, workers that crashed
  Instant no_start_before_{};
  std::optional<Error> start_error_;  // of the last start, when it failed
  bool draining_ = false;
  worker::EndReason drain_reason_ = worker::EndReason::kDrained;
  PoolCounts counts_;
  int cpus_;
  std::minstd_rand random_;
  loop::Event chores_;
  loop::Event drained_;
  loop::Scope scope_;
};

}  // namespace trivet::pool
