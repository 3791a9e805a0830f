#include "worker/framed.h"

#include <array>

#include "wire/json.h"
#include "worker/in_flight.h"

namespace trivet::worker {
namespace {

constexpr auto kExitGrace = 1s;  // between the end of a worker's frames and its end

constexpr std::array<std::string_view, kEndReasonCount> kReasons{
    "drained", "idle",         "replaced",      "recycled",     "surplus",       "crashed",
    "exited",  "timeout",      "protocol",      "load_failed",  "start_timeout", "shutdown",
    "evicted", "start_failed", "out_of_memory", "zygote_ended", "launcher_ended"};
static_assert(!kReasons.back().empty());

}  // namespace

std::string_view name(EndReason reason) { return kReasons[static_cast<size_t>(reason)]; }

Framed::Framed(Surroundings around, LaunchPlan plan)
    : around_(around),
      plan_(std::move(plan)),
      ready_(around.loop),
      calm_(around.loop),
      scope_(around.loop) {
  calm_.set();
}

Framed::~Framed() {
  for (auto& [id, flight] : calls_) flight->asks.reset();  // they may be calls on this very worker
  for (auto& [id, flight] : calls_) {
    flight->worker = nullptr;
    if (!flight->given_up) flight->finish(ending_error());
  }
}

loop::Task<Result<std::unique_ptr<Framed>>> Framed::start(Surroundings around, LaunchPlan plan) {
  BlankPlan program{plan.function, plan.argv, plan.env, plan.dir};
  program.policy = plan.policy;
  auto blank = start_blank(around.of_process(), std::move(program), nullptr);
  if (!blank) co_return std::move(blank).error();
  auto started = co_await start(around, std::move(plan), std::move(*blank));
  co_return started;
}

loop::Task<Result<std::unique_ptr<Framed>>> Framed::start(Surroundings around, LaunchPlan plan,
                                                          Blank blank) {
  std::unique_ptr<Framed> worker{new Framed(around, std::move(plan))};
  Instant deadline = after(around.loop.now(), worker->plan_.start_timeout);
  bool is_loaded = blank.is_loaded, is_blank = blank.is_blank;
  worker->adopt(std::move(blank));
  // A fork that is loaded could be called at once: not before it has its own limits.
  if (is_blank || is_loaded) {
    Status assigned = co_await worker->process_->assign(worker->plan_.policy, deadline);
    if (!assigned) {
      worker->kill(EndReason::kStartFailed);
      co_return std::move(assigned).error();
    }
  }
  if (!is_loaded) worker->send_load();
  bool in_time = co_await worker->ready_.wait(deadline);
  if (!in_time) worker->kill(EndReason::kStartTimeout);
  if (worker->state_ != State::kReady) co_return worker->start_failure();
  worker->started_ = around.loop.now();
  co_return worker;
}

void Framed::adopt(Blank blank) {
  process_ = std::move(blank.process);
  process_->when_ended([this](Process&) { on_process_end(); });
  process_->owner().function = plan_.function;
  process_->limit_logs(plan_.log_bytes_per_second);
  reader_ = std::make_unique<FrameReader>(around_.loop, std::move(blank.from),
                                          plan_.payload_bytes + limits::kFrameMetaMax,
                                          static_cast<FrameReceiver&>(*this));
  writer_ = std::make_unique<FrameWriter>(around_.loop, std::move(blank.to));
  if (!process_->alive()) on_process_end();
}

// Why start() has no worker to give.
Error Framed::start_failure() {
  process_->pump();
  auto failure = [this]() -> Error {
    if (load_error_) return *load_error_;
    if (end_reason_ == EndReason::kProtocol)
      return {ErrorCode::kLoadFailed,
              "the worker of " + plan_.function + " broke the protocol at its start: " + garbage_};
    if (end_reason_ == EndReason::kStartTimeout)
      return {ErrorCode::kLoadFailed,
              "the worker of " + plan_.function + " was not ready after " +
                  std::to_string(static_cast<int64_t>(to_ms(plan_.start_timeout))) + " ms",
              "raise limits.start_timeout, or do less while the module is loaded"};
    if (process_->alive())
      return {ErrorCode::kLoadFailed, "the worker of " + plan_.function +
                                          " ended its side of the frames while it loaded " +
                                          plan_.entrypoint};
    Error error = crash_error(process_->obituary());
    if (error.code == ErrorCode::kIo) return error;  // there never was a process
    error.code = ErrorCode::kLoadFailed;
    error.message = "the worker of " + plan_.function + " ended with " +
                    process_->obituary().text() + " while it loaded " + plan_.entrypoint;
    return error;
  }();
  bool has_stderr = false;
  for (const auto& [key, value] : failure.details) has_stderr |= key == "stderr";
  if (!has_stderr && !process_->stderr_tail().empty())
    failure.details.emplace_back("stderr", std::string{process_->stderr_tail()});
  return failure;
}

void Framed::stop(EndReason reason) {
  if (state_ == State::kEnded || state_ == State::kStopping) return;
  state_ = State::kStopping;
  end_chosen_ = true;
  end_reason_ = reason;
  out_.clear();
  wire::append_frame(out_, wire::FrameType::kDrain, 0, {}, {});
  writer_->send(out_);
  scope_.spawn(kill_after_grace(reason));
}

loop::Task<> Framed::kill_after_grace(EndReason reason) {
  co_await calm_.wait();
  co_await around_.loop.sleep(limits::kStopGrace);
  if (is_busy_) co_await around_.loop.sleep(limits::kBusyGrace - limits::kStopGrace);
  kill(reason);
}

void Framed::kill(EndReason reason) {
  if (state_ == State::kEnded) return;
  if (!end_chosen_) end_reason_ = reason;
  end_chosen_ = true;
  if (state_ != State::kStarting) state_ = State::kStopping;
  process_->kill();
}

void Framed::on_eof(bool mid_frame) {
  if (state_ == State::kEnded) return;
  if (mid_frame) garbage_ = "its last frame was incomplete";
  if (state_ == State::kReady)
    state_ = State::kStopping;  // no reply can come any more: no new calls
  struct Linger {
    static loop::Task<> run(Framed& self) {
      co_await self.around_.loop.sleep(kExitGrace);
      if (!self.calls_.empty()) self.end_reason_ = EndReason::kCrashed;
      self.end_chosen_ = true;
      self.process_->kill();
    }
  };
  scope_.spawn(Linger::run(*this));
}

void Framed::on_garbage(const Error& error) {
  garbage_ = error.message;
  kill(EndReason::kProtocol);
}

void Framed::on_process_end() {
  if (reader_) reader_->drain();  // replies that it wrote before it ended count
  bool in_call = false;
  for (auto& [id, flight] : calls_) in_call |= !flight->given_up;
  if (!end_chosen_) {
    using Cause = launcher::Exit::Cause;
    Cause cause = process_->obituary().exit.cause;
    end_reason_ = cause == Cause::kOutOfMemory ? EndReason::kOutOfMemory
                  : cause == Cause::kZygote    ? EndReason::kZygoteEnded
                  : cause == Cause::kLauncher  ? EndReason::kLauncherEnded
                  : in_call                    ? EndReason::kCrashed
                                               : EndReason::kExited;
  }
  state_ = State::kEnded;
  auto flights = std::move(calls_);
  calls_.clear();
  for (auto& [id, flight] : flights) {
    flight->worker = nullptr;
    flight->asks.reset();
    flight->settled.set();
    if (flight->streaming)
      flight->end_stream(ending_error());
    else if (!flight->given_up)
      flight->finish(ending_error());
  }
  calm_.set();
  ready_.set();
  around_.observer.on_end();
}

std::string Framed::end_text() const {
  return process_ && !process_->alive() ? process_->obituary().text() : std::string{};
}

// What callers whose calls were in flight when the worker ended are told.
Error Framed::ending_error() const {
  if (end_reason_ == EndReason::kProtocol)
    return {ErrorCode::kInvalidOutput, "the worker broke the protocol and was ended: " + garbage_,
            "user code must not write to file descriptors 3 and 4"};
  if (end_reason_ == EndReason::kShutdown)
    return {ErrorCode::kUnavailable, "the host shut down and waited no longer for the call",
            "try again"};
  if (!process_ || process_->alive())
    return {ErrorCode::kFunctionCrashed, "the worker was ended during the call"};
  Error error = crash_error(process_->obituary());
  if (end_reason_ == EndReason::kTimeout)
    error.message =
        "the worker was killed during the call because another call on it passed its deadline";
  else if (!garbage_.empty())
    error.message += "; " + garbage_;
  return error;
}

}  // namespace trivet::worker
