#pragma once
// Oneshot: a slot that starts one process per call and speaks the stdio protocol with it
// (INTERFACES: the Alyx form).
//
// The process is a blank one whose shim runs the program, where there is one at hand, else the
// program's own interpreter.
//
// One JSON request on stdin, then end of file; one JSON response on stdout. The body of a call is
// the request's `input` and is pasted in as it is, so it is parsed once, by the function. A
// non-zero exit, a signal, and output that is not the protocol are errors that carry exit code,
// stdout and stderr.

#include <memory>

#include "worker/framed.h"

namespace trivet::worker {

class Oneshot final : public Worker {
 public:
  // A blank that is ready, or nothing: then a program is started.
  using TakeBlank = std::function<std::optional<Blank>()>;
  Oneshot(Surroundings around, LaunchPlan plan, TakeBlank take);

  loop::Task<Result<Reply>> invoke(Call& call) override;
  int capacity() const override { return 1; }
  int busy() const override { return busy_ ? 1 : 0; }
  bool alive() const override { return !stopping_; }
  bool ended() const override { return stopping_ && !busy_; }
  int pid() const override { return process_ ? process_->pid() : 0; }
  int64_t calls() const override { return calls_; }
  Instant started() const override { return started_; }
  EndReason end_reason() const override { return end_reason_; }
  void stop(EndReason reason) override;
  void kill(EndReason reason) override;

 private:
  struct Busy;
  struct Input;
  loop::Task<Result<Input>> begin(Call& call, loop::Event& ended);

  Surroundings around_;
  LaunchPlan plan_;
  TakeBlank take_;
  std::unique_ptr<Process> process_;
  bool busy_ = false, stopping_ = false;
  EndReason end_reason_ = EndReason::kDrained;
  int64_t calls_ = 0;
  Instant started_;
};

// The request on stdin, and what a response on stdout means. Pure.
std::string stdio_request(const LaunchPlan& plan, const Call& call);
struct StdioResponse {
  Result<Reply> reply;
  struct Log {
    LogLevel level;
    std::string message, fields;
  };
  std::vector<Log> logs;
};
StdioResponse read_stdio_response(std::string_view out, std::string_view err);

}  // namespace trivet::worker
