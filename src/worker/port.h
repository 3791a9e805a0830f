#pragma once
// Port: a user's own program that stays and speaks a protocol on stdin and stdout
// (docs/formats/port-protocols.md); stderr is its log.
//
// There is no handshake: it is ready once it runs. A program that puts the call's id into its
// replies may have several calls in flight; until its first reply has shown that, and for good when
// it leaves ids out, it has one. Nothing can cancel a call, so a call past its deadline ends the
// program. What is not the protocol ends it, too, with a sentence that says what was wrong and at
// which byte of its stdout.

#include <map>
#include <memory>
#include <string>

#include "loop/loop.h"
#include "loop/scope.h"
#include "wire/port_protocol.h"
#include "worker/frame_pipes.h"
#include "worker/framed.h"
#include "worker/launch.h"
#include "worker/process.h"
#include "worker/worker.h"

namespace trivet::worker {

class Port final : public Worker {
 public:
  // plan.interface names the protocol. kIo when the program cannot be started, kInternal when there
  // is no such protocol.
  static loop::Task<Result<std::unique_ptr<Worker>>> start(Surroundings around, LaunchPlan plan);
  ~Port() override;

  loop::Task<Result<Reply>> invoke(Call& call) override;
  int capacity() const override { return capacity_; }
  int busy() const override { return static_cast<int>(calls_.size()) + gathering_; }
  bool alive() const override { return state_ == State::kReady; }
  bool ended() const override { return state_ == State::kEnded; }
  int pid() const override { return process_ ? process_->pid() : 0; }
  int64_t calls() const override { return answered_; }
  Instant started() const override { return started_; }
  EndReason end_reason() const override { return end_reason_; }
  void stop(EndReason reason) override;
  void kill(EndReason reason) override;

 private:
  struct Flight;
  using FlightPtr = std::shared_ptr<Flight>;
  struct Gathering;
  struct Guard;
  class Reader;
  enum class State { kReady, kStopping, kEnded };

  Port(Surroundings around, LaunchPlan plan, const wire::PortProtocol& protocol);
  loop::Task<Status> launch();
  loop::Task<Status> gather(Call& call);
  loop::Task<> kill_unless_answered(FlightPtr flight);
  loop::Task<> close_when_calm(EndReason reason);
  loop::Task<> kill_when_late();

  void on_message(std::string_view message, uint64_t offset);
  void on_eof(const wire::MessageSplitter& splitter);
  void on_process_end();
  FlightPtr flight_of(const wire::PortReply& reply, uint64_t offset);
  void hear(const wire::PortReply& message);
  void settle(Flight& flight, wire::PortReply reply);
  void garbage(std::string what);
  void attribute_output();
  Error ending_error() const;
  Error timeout_error();

  Surroundings around_;
  LaunchPlan plan_;
  const wire::PortProtocol& protocol_;
  State state_ = State::kReady;
  EndReason end_reason_ = EndReason::kExited;
  bool end_chosen_ = false;  // stop() or kill() named the reason
  std::string garbage_;      // what was wrong, when the reason is kProtocol
  int capacity_ = 1;
  int gathering_ = 0;  // calls whose body is still coming in
  uint64_t next_id_ = 1;
  int64_t answered_ = 0;
  Instant started_{};
  std::unique_ptr<Process> process_;
  std::unique_ptr<Reader> reader_;
  std::unique_ptr<FrameWriter> writer_;
  std::map<uint64_t, FlightPtr> calls_;
  loop::Event calm_;  // no calls in flight
  loop::Scope scope_;
};

}  // namespace trivet::worker
