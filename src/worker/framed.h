#pragma once
// Framed: a worker process that stays and speaks the frame (docs/formats/frame.md) on its fd 3
// and 4.
//
// start() returns when the worker has said READY. Calls in flight are kept by id; ids are never
// reused, so a late reply can only ever be dropped. Anything that is not the frame ends the worker,
// with a sentence that says what it was. Files: framed.cc is its life (start, stop, end),
// framed_calls.cc its calls, framed_asks.cc the calls that its calls make, in_flight.h one call.

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/log.h"
#include "loop/loop.h"
#include "loop/scope.h"
#include "worker/blank.h"
#include "worker/frame_pipes.h"
#include "worker/host_services.h"
#include "worker/launch.h"
#include "worker/process.h"
#include "worker/worker.h"

namespace trivet::worker {

// What every worker is given by its host; all outlive it.
struct Surroundings {
  loop::Loop& loop;
  const Clock& clock;
  LogSink& logs;
  launcher::Launcher& launcher;
  WorkerObserver& observer;
  HostServices* services = nullptr;  // null: user code cannot call other functions

  Process::Surroundings of_process() const { return {loop, clock, logs, launcher}; }
};

struct InFlight;
using InFlightPtr = std::shared_ptr<InFlight>;

class Framed final : public Worker, private FrameReceiver {
 public:
  // kRuntimeNotAvailable or kIo when the process cannot be started, kLoadFailed when user code does
  // not load, kFunctionCrashed when it ends before READY, kFunctionTimeout when it is not READY
  // within plan.start_timeout.
  static loop::Task<Result<std::unique_ptr<Framed>>> start(Surroundings around, LaunchPlan plan,
                                                           Blank blank);
  // The same with a process of its own, started from the plan's command.
  static loop::Task<Result<std::unique_ptr<Framed>>> start(Surroundings around, LaunchPlan plan);
  ~Framed() override;

  loop::Task<Result<Reply>> invoke(Call& call) override;
  int capacity() const override { return capacity_; }
  int busy() const override { return static_cast<int>(calls_.size()); }
  bool alive() const override { return state_ == State::kReady && condemned_ == 0; }
  bool ended() const override { return state_ == State::kEnded; }
  int pid() const override { return process_ ? process_->pid() : 0; }
  int64_t calls() const override { return answered_; }
  Instant started() const override { return started_; }
  EndReason end_reason() const override { return end_reason_; }
  void stop(EndReason reason) override;
  void kill(EndReason reason) override;

  // Of a zygote: what its forks are started from, and why it must not be forked (it runs threads or
  // holds files open; empty when it may).
  launcher::Ticket ticket() const { return process_->ticket(); }
  const std::string& unsafe() const { return unsafe_; }
  std::string end_text() const override;

 private:
  friend struct InFlight;
  enum class State { kStarting, kReady, kStopping, kEnded };

  Framed(Surroundings around, LaunchPlan plan);
  void adopt(Blank blank);
  Error start_failure();
  loop::Task<> kill_after_grace(EndReason reason);
  void on_process_end();
  Error ending_error() const;

  void send_load();
  void send_call(const InFlight& flight, const Call& call);
  loop::Task<> send_rest(InFlightPtr flight, BodyStream& rest);
  void give_up(InFlight& flight, bool timed_out);
  loop::Task<> kill_unless_settled(InFlightPtr flight, Instant when);
  void settle(InFlight& flight);  // the worker owes nothing more for it
  void attribute_output();
  Error timeout_error(const InFlight& flight) const;

  void on_frame(const wire::Frame& frame) override;
  void on_garbage(const Error& error) override;
  void on_eof(bool mid_frame) override;
  void on_hello(const wire::Frame& frame);
  void on_ready(const wire::Frame& frame);
  void on_log(const wire::Frame& frame);
  void on_worker_error(const wire::Frame& frame);
  void on_call_frame(const wire::Frame& frame);
  void on_reply(InFlight& flight, const wire::Frame& frame);
  void refuse_reply(InFlight& flight, const wire::Frame& frame, Error error);
  void on_chunk(InFlight& flight, const wire::Frame& frame);
  void on_error(InFlight& flight, const wire::Frame& frame);
  Error error_from(const wire::Frame& frame) const;
  void on_ask(const wire::Frame& frame);
  loop::Task<> ask(InFlight& flight, int64_t number, Call call);
  void answer(uint32_t call, int64_t number, const Result<Reply>& outcome,
              const std::string& function);

  Surroundings around_;
  LaunchPlan plan_;
  State state_ = State::kStarting;
  EndReason end_reason_ = EndReason::kExited;
  bool end_chosen_ = false;  // stop() or kill() named the reason
  std::string garbage_;      // what was wrong, when the reason is kProtocol
  std::string unsafe_;       // READY's word
  int capacity_ = 1;
  bool hears_cancel_ = false;
  bool is_busy_ = false;  // BUSY: it has work that no call waits for
  uint32_t next_id_ = 1;
  int64_t answered_ = 0;
  int condemned_ = 0;  // calls past their deadline: unless they end now, the worker is killed
  Instant started_{};
  std::unique_ptr<Process> process_;
  std::unique_ptr<FrameReader> reader_;
  std::unique_ptr<FrameWriter> writer_;
  std::map<uint32_t, InFlightPtr> calls_;
  std::string out_;    // frames are built here
  loop::Event ready_;  // READY, a load error, or the end
  loop::Event calm_;   // no calls in flight
  std::optional<Error> load_error_;
  loop::Scope scope_;
};

}  // namespace trivet::worker
