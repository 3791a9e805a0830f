#pragma once
// Workers without processes for the simulator: they crash, hang, answer late or garbage as dice
// say, on a clock that a test moves, and behave otherwise as the real ones (worker/framed.h) do.

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "loop/scope.h"
#include "pool/pool.h"
#include "worker/host_services.h"

namespace trivet::sim {

// Numbers from a seed; the same everywhere.
class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed) {}
  uint64_t next();
  int below(int n) { return static_cast<int>(next() % static_cast<uint64_t>(n)); }
  int from_to(int least, int most) { return least + below(most - least + 1); }
  bool chance(int permille) { return below(1000) < permille; }
  Duration up_to(Duration most) {
    return Duration{static_cast<int64_t>(next() % static_cast<uint64_t>(most.count() + 1))};
  }

 private:
  uint64_t state_;
};

// Bugs that a test plants, to see them found.
enum class Plant { kNone, kDoubleLease, kLostWakeUp, kMixedReply, kTwoStarts, kLeak };

// How often workers of a function fail, in thousandths.
struct Faults {
  int crash = 0, hang = 0, slow = 0, garbage = 0, late = 0, throws = 0;
  int no_start = 0, slow_start = 0;
  int asks = 0;  // not a fault: a call that calls another function first
  Duration run = 5ms, start = 10ms;
};

class FakeWorker;

// What all workers of one world share.
struct Stage {
  loop::Loop& loop;
  Dice& dice;
  Plant plant = Plant::kNone;
  std::string violation{};          // the first
  std::set<FakeWorker*> workers{};  // that have not been destroyed
  int processes = 0;                // started and not gone
  int next_pid = 1;
  // What user code asks of the host, and of which functions.
  worker::HostServices* services = nullptr;
  std::vector<std::string> names{};
  int64_t begun = 0, asked = 0, ask_answers = 0, nested_most = 0;
  void violate(std::string what) {
    if (violation.empty()) violation = std::move(what);
  }
};

class FakeWorker final : public worker::Worker {
 public:
  FakeWorker(Stage& stage, const Faults& faults, worker::WorkerObserver& observer, int capacity);
  ~FakeWorker() override;

  loop::Task<Result<worker::Reply>> invoke(worker::Call& call) override;
  int capacity() const override { return capacity_; }
  int busy() const override;
  bool alive() const override { return state_ == State::kReady && condemned_ == 0; }
  bool ended() const override { return state_ == State::kEnded; }
  int pid() const override { return pid_; }
  int64_t calls() const override { return answered_; }
  Instant started() const override { return started_; }
  worker::EndReason end_reason() const override { return reason_; }
  void stop(worker::EndReason reason) override;
  void kill(worker::EndReason reason) override;
  void crash();  // by itself, now

 private:
  enum class State { kReady, kStopping, kEnded };
  enum class Deed { kAnswer, kThrow, kCrash, kHang, kGarbage };
  struct Flight;
  using FlightPtr = std::shared_ptr<Flight>;
  struct Caller;

  loop::Task<> work(FlightPtr flight, Deed deed, Duration time);
  loop::Task<> ask(FlightPtr flight);
  void look_at_answer(const worker::Call& asked, const Result<worker::Reply>& answer);
  loop::Task<> answer_cancel(FlightPtr flight);
  loop::Task<> kill_unless_settled(FlightPtr flight, Instant when);
  loop::Task<> end_when_calm();
  loop::Task<> end_soon();
  void give_up(FlightPtr flight, bool timed_out);
  void deliver(FlightPtr flight, Result<worker::Reply> outcome);
  void settle(FlightPtr flight);
  void end();
  void choose(worker::EndReason reason);

  Stage& stage_;
  const Faults faults_;
  worker::WorkerObserver& observer_;
  int capacity_, pid_;
  State state_ = State::kReady;
  bool chosen_ = false, ending_ = false;
  worker::EndReason reason_ = worker::EndReason::kExited;
  int condemned_ = 0;
  int64_t answered_ = 0;
  Instant started_;
  std::vector<FlightPtr> flights_;
  loop::Event calm_;
  loop::Scope scope_;
};

// Starts FakeWorkers.
class FakeFactory final : public pool::WorkerFactory {
 public:
  FakeFactory(Stage& stage, const Faults& faults, int capacity, Duration start_timeout)
      : stage_(stage), faults_(faults), capacity_(capacity), start_timeout_(start_timeout) {}
  loop::Task<Result<std::unique_ptr<worker::Worker>>> start(
      worker::WorkerObserver& observer) override;

 private:
  Stage& stage_;
  const Faults faults_;
  int capacity_;
  Duration start_timeout_;
};

}  // namespace trivet::sim
