#include "dispatch/sim_worker_test.h"

#include <algorithm>

namespace trivet::sim {

using worker::EndReason;
using worker::Reply;

uint64_t Dice::next() {  // splitmix64
  uint64_t z = (state_ += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

struct FakeWorker::Flight {
  Flight(loop::Loop& loop, const worker::Call& call)
      : input(call.input),
        id(call.id),
        function(call.function),
        depth(call.depth),
        deadline(call.deadline),
        done(loop),
        settled(loop),
        asked(loop),
        asks(std::in_place, loop) {}
  std::string input, id, function;
  int depth;
  Instant deadline;
  bool waited = true;  // somebody wants the answer
  bool overdue = false;
  std::optional<Result<Reply>> outcome;
  loop::Event done, settled, asked;
  std::optional<loop::Scope> asks;  // they end with the call that made them
};

// The caller's end of a call: when it is dropped, the call is abandoned.
struct FakeWorker::Caller {
  ~Caller() {
    if (flight->waited && !flight->outcome) worker.give_up(flight, false);
  }
  FakeWorker& worker;
  FlightPtr flight;
};

FakeWorker::FakeWorker(Stage& stage, const Faults& faults, worker::WorkerObserver& observer,
                       int capacity)
    : stage_(stage),
      faults_(faults),
      observer_(observer),
      capacity_(capacity),
      pid_(stage.next_pid++),
      started_(stage.loop.now()),
      calm_(stage.loop),
      scope_(stage.loop) {
  calm_.set();
  stage_.workers.insert(this);
}

FakeWorker::~FakeWorker() {
  if (state_ != State::kEnded) --stage_.processes;
  stage_.workers.erase(this);
}

int FakeWorker::busy() const {
  auto count = static_cast<int>(flights_.size());
  if (stage_.plant == Plant::kDoubleLease && count == capacity_) return count - 1;
  return count;
}

loop::Task<Result<Reply>> FakeWorker::invoke(worker::Call& call) {
  if (!alive()) stage_.violate("a worker was lent that takes no calls");
  if (static_cast<int>(flights_.size()) >= capacity_)
    stage_.violate("a worker was lent beyond its capacity");
  ++stage_.begun;
  Dice& dice = stage_.dice;
  Duration left = call.deadline - stage_.loop.now();
  Duration time = 1us + dice.up_to(faults_.run);
  if (dice.chance(faults_.slow)) time = dice.up_to(left * 3 / 2);
  if (dice.chance(faults_.late)) time = left + dice.up_to(300ms);
  Deed deed = dice.chance(faults_.crash)     ? Deed::kCrash
              : dice.chance(faults_.hang)    ? Deed::kHang
              : dice.chance(faults_.garbage) ? Deed::kGarbage
              : dice.chance(faults_.throws)  ? Deed::kThrow
                                             : Deed::kAnswer;
  auto flight = std::make_shared<Flight>(stage_.loop, call);
  flights_.push_back(flight);
  calm_.reset();
  scope_.spawn(work(flight, deed, time));
  Caller caller{*this, flight};
  co_await flight->done.wait(call.deadline);
  if (flight->outcome) co_return std::move(*flight->outcome);
  give_up(flight, true);
  co_return Error{ErrorCode::kFunctionTimeout, "no answer before the deadline"};
}

loop::Task<> FakeWorker::work(FlightPtr flight, Deed deed, Duration time) {
  if (faults_.asks > 0 && stage_.dice.chance(faults_.asks)) {
    flight->asks->spawn(ask(flight));
    co_await flight->asked.wait();
  }
  co_await stage_.loop.sleep(time);
  bool there = std::find(flights_.begin(), flights_.end(), flight) != flights_.end();
  bool mixes = stage_.plant == Plant::kMixedReply && state_ != State::kEnded;
  if (state_ == State::kEnded || (!there && !mixes)) co_return;
  switch (deed) {
    case Deed::kHang:
      co_return;
    case Deed::kCrash:
      co_return crash();
    case Deed::kGarbage:
      co_return kill(EndReason::kProtocol);
    case Deed::kThrow:
      co_return deliver(flight, Error{ErrorCode::kFunctionError, "thrown"});
    case Deed::kAnswer:
      break;
  }
  Reply reply;
  reply.body = "answer to " + flight->input;
  deliver(flight, std::move(reply));
}

loop::Task<> FakeWorker::ask(FlightPtr flight) {
  worker::Call call;
  const auto& names = stage_.names;
  call.function = names[static_cast<size_t>(stage_.dice.below(static_cast<int>(names.size())))];
  call.input = flight->input + "." + std::to_string(++stage_.asked);
  call.id = call.input;
  call.parent = flight->id;
  call.parent_name = flight->function;
  call.depth = flight->depth + 1;
  call.latest = flight->deadline;
  worker::Call copy;
  copy.input = call.input;
  copy.latest = call.latest;
  stage_.nested_most = std::max<int64_t>(stage_.nested_most, call.depth);
  auto answer = co_await stage_.services->invoke(std::move(call));
  look_at_answer(copy, answer);
  flight->asked.set();
}

void FakeWorker::look_at_answer(const worker::Call& asked, const Result<Reply>& answer) {
  ++stage_.ask_answers;
  // Builds are waited for whoever asks; and the host may have been held up.
  if (stage_.loop.now() > after(asked.latest, 800ms))
    stage_.violate("call " + asked.input + " of a function was answered too late");
  if (!answer && answer.error().code == ErrorCode::kInternal)
    stage_.violate("an error without a name, for a function's call");
  if (answer && answer->body != "answer to " + asked.input)
    stage_.violate("call " + asked.input + " of a function was given the " + answer->body);
}

void FakeWorker::deliver(FlightPtr flight, Result<Reply> outcome) {
  if (!flight->waited && stage_.plant == Plant::kMixedReply) {
    // The bug: whoever waits is given what comes.
    for (auto& other : flights_) {
      if (!other->waited || other->outcome) continue;
      flight = other;
      break;
    }
  }
  if (flight->waited && !flight->outcome) {
    flight->outcome.emplace(std::move(outcome));
    flight->done.set();
  }
  settle(flight);
}

void FakeWorker::settle(FlightPtr flight) {
  auto it = std::find(flights_.begin(), flights_.end(), flight);
  if (it == flights_.end()) return;
  flights_.erase(it);
  flight->asks.reset();
  if (flight->overdue) --condemned_;
  flight->settled.set();
  ++answered_;
  if (flights_.empty()) calm_.set();
  if (stage_.plant == Plant::kLostWakeUp && !flight->waited) return;
  observer_.on_free();
}

void FakeWorker::give_up(FlightPtr flight, bool timed_out) {
  flight->waited = false;
  flight->asks.reset();
  flight->asked.set();  // its code goes on as it likes
  if (state_ == State::kEnded ||
      std::find(flights_.begin(), flights_.end(), flight) == flights_.end())
    return;
  if (stage_.plant == Plant::kMixedReply) return settle(flight);
  flight->overdue = timed_out;
  if (timed_out) ++condemned_;
  if (stage_.dice.chance(500)) scope_.spawn(answer_cancel(flight));
  Instant when = timed_out ? stage_.loop.now() : flight->deadline;
  scope_.spawn(kill_unless_settled(flight, after(when, limits::kCancelGrace)));
}

loop::Task<> FakeWorker::answer_cancel(FlightPtr flight) {
  co_await stage_.loop.sleep(stage_.dice.up_to(20ms));
  if (state_ != State::kEnded) settle(flight);
}

loop::Task<> FakeWorker::kill_unless_settled(FlightPtr flight, Instant when) {
  bool settled = co_await flight->settled.wait(when);
  if (!settled) kill(EndReason::kTimeout);
}

void FakeWorker::choose(EndReason reason) {
  if (!chosen_) reason_ = reason;
  chosen_ = true;
}

void FakeWorker::stop(EndReason reason) {
  if (state_ != State::kReady) return;
  choose(reason);
  state_ = State::kStopping;
  if (flights_.empty() && stage_.dice.chance(300)) return end();  // as one without a process does
  scope_.spawn(end_when_calm());
}

loop::Task<> FakeWorker::end_when_calm() {
  co_await calm_.wait();
  // One that does not obey is killed.
  co_await stage_.loop.sleep(stage_.dice.chance(50) ? limits::kStopGrace : stage_.dice.up_to(3ms));
  end();
}

void FakeWorker::kill(EndReason reason) {
  if (state_ == State::kEnded || ending_) return;
  choose(reason);
  state_ = State::kStopping;
  ending_ = true;
  scope_.spawn(end_soon());
}

loop::Task<> FakeWorker::end_soon() {
  co_await stage_.loop.sleep(stage_.dice.up_to(3ms));
  end();
}

void FakeWorker::crash() {
  if (state_ == State::kEnded) return;
  choose(flights_.empty() ? EndReason::kExited : EndReason::kCrashed);
  end();
}

void FakeWorker::end() {
  if (state_ == State::kEnded) return;
  state_ = State::kEnded;
  if (stage_.plant != Plant::kLeak) --stage_.processes;
  auto code =
      reason_ == EndReason::kProtocol ? ErrorCode::kInvalidOutput : ErrorCode::kFunctionCrashed;
  for (auto& flight : std::exchange(flights_, {})) {
    if (flight->waited && !flight->outcome) flight->outcome.emplace(Error{code, "worker ended"});
    flight->asks.reset();
    flight->done.set();
    flight->settled.set();
  }
  calm_.set();
  observer_.on_end();
}

loop::Task<Result<std::unique_ptr<worker::Worker>>> FakeFactory::start(
    worker::WorkerObserver& observer) {
  struct Starting {  // a process that nobody has yet; gone with the task that starts it
    ~Starting() {
      if (mine) --stage.processes;
    }
    Stage& stage;
    bool mine = true;
  };
  ++stage_.processes;
  if (stage_.plant == Plant::kTwoStarts && stage_.dice.chance(100)) ++stage_.processes;
  Starting starting{stage_};
  Duration time = stage_.dice.up_to(faults_.start);
  if (stage_.dice.chance(faults_.slow_start)) time = stage_.dice.up_to(start_timeout_ * 3 / 2);
  co_await stage_.loop.sleep(std::min(time, start_timeout_));
  if (time > start_timeout_) co_return Error{ErrorCode::kFunctionTimeout, "not ready in time"};
  if (stage_.dice.chance(faults_.no_start)) {
    constexpr ErrorCode kWays[] = {ErrorCode::kLoadFailed, ErrorCode::kFunctionCrashed,
                                   ErrorCode::kIo, ErrorCode::kInvalidOutput};
    co_return Error{kWays[stage_.dice.below(4)], "did not start"};
  }
  starting.mine = false;
  co_return std::unique_ptr<worker::Worker>{
      std::make_unique<FakeWorker>(stage_, faults_, observer, capacity_)};
}

}  // namespace trivet::sim
