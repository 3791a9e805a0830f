#pragma once
// Pool: keeps the right number of workers for one version of one function and lends them to calls.
//
// A call leases a worker, uses it, and gives it back by dropping the Lease. When none is free the
// call waits in a bounded queue, first come first served, while the pool starts more as policy.h
// says and the host's budget allows. A housekeeping task buries workers that have ended, retires
// idle ones and waits out the back-off. All on the loop's thread. Files: pool.cc is the way of a
// call, pool_house.cc the workers' lives; breaker.h, admission.h, sharing.h and policy.h decide.

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "catalog/function.h"
#include "loop/loop.h"
#include "loop/scope.h"
#include "pool/admission.h"
#include "pool/breaker.h"
#include "pool/budget.h"
#include "pool/policy.h"
#include "pool/view.h"
#include "worker/worker.h"

namespace trivet::pool {

// Makes workers; dispatch has the real one, tests a fake.
class WorkerFactory {
 public:
  virtual ~WorkerFactory() = default;
  virtual loop::Task<Result<std::unique_ptr<worker::Worker>>> start(
      worker::WorkerObserver& observer) = 0;
};

// Makes the factory of each function; for tests, which have no processes.
class Factories {
 public:
  virtual ~Factories() = default;
  virtual std::unique_ptr<WorkerFactory> make(const catalog::FunctionSpec& spec) = 0;
  // Stands for the build, and is waited for as long; unlike a real one, once for each call.
  virtual loop::Task<Status> build(const catalog::FunctionSpec&) { co_return Status{}; }
};

class Pool;
struct Member;

// One worker, lent to one call. Move-only; dropping it gives the worker back.
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
  // The call's outcome, for the back-off and the breaker. An error of user code, or about its
  // input, is a success of the worker.
  void succeeded();
  void failed(const Error& error);

 private:
  friend class Pool;
  Lease(std::shared_ptr<Member> member, Duration queued, Duration started)
      : member_(std::move(member)), queued_(queued), started_(started) {}
  std::shared_ptr<Member> member_;
  Duration queued_, started_;
  Instant begun_{};
  bool trial_ = false;  // the breaker waits for its outcome
};

class Pool final : public worker::WorkerObserver, private BudgetUser {
 public:
  struct Plan {
    catalog::Scale scale;
    catalog::Restart restart;
    std::string function;
    Duration timeout = limits::kTimeoutDefault;  // of a call: what it may wait for follows from it
    size_t memory = limits::kWorkerMemory;       // bytes that one worker is taken to need
  };
  // `budget` outlives the pool.
  Pool(loop::Loop& loop, Budget& budget, Plan plan, std::unique_ptr<WorkerFactory> factory);
  ~Pool();

  // Waits at most until `deadline`. kOverloaded (queue full, wait too long, or no worker in time)
  // and kCircuitOpen, both with detail retry_after_s; kUnavailable when drained; or why a worker
  // could not be started. Dropping the task leaves the queue.
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

  int in_flight() const;
  const PoolCounts& counts() const { return counts_; }
  std::vector<WorkerView> workers() const;
  PoolView view() const;
  // A call waits although a worker could take it: only ever for a moment (policy.h, should_wait).
  bool waits_beside_free() const { return !queue_.empty() && pick() != nullptr; }

  void on_free() override;
  void on_end() override;

 private:
  friend class Lease;
  friend struct Member;
  struct Waiting;
  struct Trial;

  Standing standing() const;
  bool waits() const;  // a call that asks now
  bool crowded() const;
  void watch_queue();
  void on_return(Instant begun);
  void on_call_failed(Member& member, const Error& error);
  void serve_or_start();
  std::shared_ptr<Member> pick() const;
  Lease grant(const std::shared_ptr<Member>& member, Instant since);
  void serve_queue();
  void refuse_queue(const Error& error);
  Error overloaded(std::string message);
  Error circuit_open() const;

  void start_wanted();
  loop::Task<> start_one();
  void on_start_failed(Error error);
  void count_failure(std::string text);
  void drop_starts();
  bool may_come() const;
  loop::Task<> keep_house();
  void bury_ended();
  void retire_idle();
  Instant next_chore() const;
  Instant next_retirement() const;
  double dice() { return static_cast<double>(random_() % 1000) / 1000; }
  void note_exit(ExitView exit);
  void make_way();

  Instant idle_since() const override;
  void end_idle() override;
  void on_room() override { chores_.set(); }

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
  Breaker breaker_;
  std::string last_failure_;  // what the breaker heard last
  Admission admission_;
  bool draining_ = false;
  worker::EndReason drain_reason_ = worker::EndReason::kDrained;
  PoolCounts counts_;
  std::deque<ExitView> exits_;  // newest first
  int cpus_;
  std::minstd_rand random_;
  loop::Event chores_;
  loop::Event drained_;
  loop::Scope scope_, starts_;
  Budget::Account account_;
};

}  // namespace trivet::pool
