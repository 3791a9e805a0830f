#include "worker/port.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "worker/port_target.h"

namespace trivet::worker {
namespace {

constexpr auto kExitGrace = 1s;  // between the end of a program's stdout and its end
constexpr size_t kReadSize = 64 * limits::kKiB;
constexpr int kReadsPerTurn = 16;
constexpr int kDrainReads = 64;  // more than a pipe of one MiB needs
constexpr uint32_t kEvents = EPOLLIN | EPOLLET;

}  // namespace

// One call that the program has. `port` is null once the port has nothing more to do with it.
struct Port::Flight {
  Flight(Port& owner, uint64_t number, const Call& call)
      : port(&owner),
        id(number),
        call_id(call.id),
        deadline(call.deadline),
        done(owner.around_.loop) {}
  void finish(Result<Reply> result) {
    port = nullptr;
    outcome.emplace(std::move(result));
    done.set();
  }

  Port* port;
  uint64_t id;
  std::string call_id;
  Instant deadline;
  bool given_up = false;  // nobody waits for it any more
  loop::Event done;
  std::optional<Result<Reply>> outcome;
};

struct Port::Gathering {
  explicit Gathering(Port& owner) : port(owner) { ++port.gathering_; }
  ~Gathering() { --port.gathering_; }
  Port& port;
};

// Gives a call up when the coroutine that waits for it is dropped: the program still owes the
// answer and is not free until it gives it.
struct Port::Guard {
  FlightPtr flight;
  ~Guard() {
    if (!flight->port || flight->given_up) return;
    flight->given_up = true;
    flight->port->scope_.spawn(flight->port->kill_unless_answered(flight));
  }
};

// The program's stdout.
class Port::Reader final : public loop::IoHandler {
 public:
  Reader(Port& port, os::Fd fd, size_t max_message)
      : port_(port), fd_(std::move(fd)), splitter_(port.protocol_.framing, max_message) {
    port_.around_.loop.add(fd_.get(), kEvents, *this);
  }
  ~Reader() { close(); }

  void on_io(uint32_t) override {
    bool more = true;
    for (int reads = 0; more && reads < kReadsPerTurn; ++reads) more = read_once();
    if (more) port_.around_.loop.again(fd_.get(), kEvents, *this);
  }
  // What a pipe holds; somebody else may have its other side and write on.
  void drain() {
    for (int reads = 0; reads < kDrainReads && fd_ && (read_once() || has_read_); ++reads) {
    }
  }
  void close() {
    if (!fd_) return;
    port_.around_.loop.remove(fd_.get(), *this);
    fd_.reset();
  }

 private:
  bool read_once() {
    if (!fd_) return false;
    char buffer[kReadSize];
    ssize_t n = read(fd_.get(), buffer, sizeof buffer);
    has_read_ = n > 0;
    if (n < 0) return errno == EINTR;
    if (n == 0) {
      close();
      port_.on_eof(splitter_);
      return false;
    }
    splitter_.feed({buffer, static_cast<size_t>(n)});
    for (;;) {
      auto message = splitter_.next();
      if (!message) {
        port_.garbage(message.error().message);
        return false;
      }
      if (!*message) break;
      port_.on_message(**message, splitter_.offset());
      if (!fd_) return false;
    }
    return static_cast<size_t>(n) == sizeof buffer;
  }

  Port& port_;
  os::Fd fd_;
  wire::MessageSplitter splitter_;
  bool has_read_ = false;  // by the last read_once()
};

Port::Port(Surroundings around, LaunchPlan plan, const wire::PortProtocol& protocol)
    : around_(around),
      plan_(std::move(plan)),
      protocol_(protocol),
      calm_(around.loop),
      scope_(around.loop) {
  calm_.set();
}

Port::~Port() {
  for (auto& [id, flight] : calls_) flight->finish(ending_error());
}

loop::Task<Result<std::unique_ptr<Worker>>> Port::start(Surroundings around, LaunchPlan plan) {
  const wire::PortProtocol* protocol = wire::find_port_protocol(plan.interface);
  if (!protocol) co_return Error{ErrorCode::kInternal, "no protocol " + plan.interface};
  std::unique_ptr<Port> port{new Port(around, std::move(plan), *protocol)};
  Status launched = co_await port->launch();
  if (!launched) co_return std::move(launched).error();
  port->started_ = around.loop.now();
  co_return std::unique_ptr<Worker>{std::move(port)};
}

loop::Task<Status> Port::launch() {
  int out[2];
  if (pipe2(out, O_CLOEXEC) != 0) co_return io_error("cannot make a pipe", errno);
  os::Fd out_read{out[0]}, out_write{out[1]};
  fcntl(out_read.get(), F_SETFL, fcntl(out_read.get(), F_GETFL) | O_NONBLOCK);
  Process::Plan plan;
  plan.function = plan_.function;
  plan.launch.spawn = {plan_.argv, program_environment(plan_), plan_.dir, {}};
  plan.launch.policy = plan_.policy;
  plan.pipe_stdin = true;
  plan.stdout_fd = out_write.get();
  auto process =
      Process::start(around_.of_process(), std::move(plan), [this](Process&) { on_process_end(); });
  if (!process) co_return std::move(process).error();
  process_ = std::move(*process);
  reader_ = std::make_unique<Reader>(*this, std::move(out_read),
                                     plan_.payload_bytes + limits::kPortEnvelope);
  writer_ = std::make_unique<FrameWriter>(around_.loop, process_->take_stdin());
  co_return Status{};
}

loop::Task<Result<Reply>> Port::invoke(Call& call) {
  if (call.rest) {
    Gathering hold{*this};
    Status whole = co_await gather(call);
    if (!whole) co_return std::move(whole).error();
  }
  auto target = port_target(plan_, call.input);
  if (!target) co_return std::move(target).error();
  if (state_ != State::kReady) co_return ending_error();
  std::string message;
  Status encoded = wire::append_port_call(
      message, protocol_, wire::PortCall{next_id_, target->module, target->function, target->args});
  if (!encoded) co_return std::move(encoded).error();

  auto flight = std::make_shared<Flight>(*this, next_id_++, call);
  Guard guard{flight};
  calls_.emplace(flight->id, flight);
  calm_.reset();
  if (calls_.size() == 1) process_->forget_stderr();  // what it said before is not this caller's
  attribute_output();
  writer_->send(message);
  bool in_time = co_await flight->done.wait(call.deadline);
  if (in_time) co_return std::move(*flight->outcome);
  Error late = timeout_error();
  flight->given_up = true;
  kill(EndReason::kTimeout);
  co_return late;
}

// Reads a streamed body to its end: these protocols have calls whole.
loop::Task<Status> Port::gather(Call& call) {
  while (call.rest) {
    auto piece = co_await call.rest->next();
    if (!piece) co_return std::move(piece).error();
    if (piece->empty()) call.rest.reset();
    if (call.input.size() + piece->size() > plan_.payload_bytes)
      co_return Error{ErrorCode::kPayloadTooLarge, "the body is larger than limits.payload"};
    call.input += *piece;
  }
  co_return Status{};
}

loop::Task<> Port::kill_unless_answered(FlightPtr flight) {
  bool answered = co_await flight->done.wait(flight->deadline);
  if (!answered) kill(EndReason::kTimeout);
}

void Port::on_message(std::string_view message, uint64_t offset) {
  auto reply = protocol_.decode(message);
  if (!reply)
    return garbage("the message at byte " + std::to_string(offset) + " of its stdout, " +
                   std::to_string(message.size()) + " bytes long: " + reply.error().message);
  if (!reply->is_reply) return hear(*reply);
  FlightPtr flight = flight_of(*reply, offset);
  if (flight) settle(*flight, std::move(*reply));
}

void Port::hear(const wire::PortReply& message) {
  process_->print(message.print);
  if (message.answer.empty()) return;
  std::string packet;
  size_t begun = wire::begin_message(packet, protocol_.framing);
  packet += message.answer;
  wire::end_message(packet, protocol_.framing, begun);
  writer_->send(packet);
}

// Whose reply it is; nobody's when its call was settled, or when it is garbage.
Port::FlightPtr Port::flight_of(const wire::PortReply& reply, uint64_t offset) {
  std::string place = " at byte " + std::to_string(offset) + " of its stdout";
  if (!reply.id) {
    capacity_ = 1;
    if (calls_.size() == 1) return calls_.begin()->second;
    garbage("a reply without id" + place + " while " + std::to_string(calls_.size()) +
            " calls are in flight");
    return nullptr;
  }
  capacity_ = std::max(1, plan_.concurrency);
  auto found = calls_.find(*reply.id);
  if (found != calls_.end()) return found->second;
  if (*reply.id == 0 || *reply.id >= next_id_)
    garbage("a reply" + place + " for call " + std::to_string(*reply.id) + ", which was not made");
  return nullptr;
}

void Port::settle(Flight& flight, wire::PortReply reply) {
  process_
      ->pump();  // what it said on stderr before the reply is attributed while the call is known
  FlightPtr keep = calls_.extract(flight.id).mapped();
  ++answered_;
  if (reply.failure) {
    Error error{ErrorCode::kFunctionError, std::move(reply.failure->message)};
    // "type" and "code" are taken in problem+json
    for (auto [key, value] :
         {std::pair{"function_code", &reply.failure->code},
          std::pair{"error_type", &reply.failure->type}, std::pair{"stack", &reply.failure->stack}})
      if (!value->empty()) error.details.emplace_back(key, std::move(*value));
    keep->finish(std::move(error));
  } else {
    Reply answer;
    answer.body = std::move(reply.result);
    keep->finish(std::move(answer));
  }
  if (calls_.empty()) calm_.set();
  attribute_output();
  around_.observer.on_free();
}

void Port::garbage(std::string what) {
  garbage_ = std::move(what);
  reader_->close();
  kill(EndReason::kProtocol);
}

// Lines on stderr belong to the call when there is exactly one, else to the worker.
void Port::attribute_output() {
  process_->owner().call_id = calls_.size() == 1 ? calls_.begin()->second->call_id : "";
}

void Port::stop(EndReason reason) {
  if (state_ != State::kReady) return;
  state_ = State::kStopping;
  end_chosen_ = true;
  end_reason_ = reason;
  scope_.spawn(close_when_calm(reason));
}

loop::Task<> Port::close_when_calm(EndReason reason) {
  co_await calm_.wait();
  writer_->close();  // the end of its stdin asks it to go
  co_await around_.loop.sleep(limits::kStopGrace);
  kill(reason);
}

void Port::kill(EndReason reason) {
  if (state_ == State::kEnded) return;
  if (!end_chosen_) end_reason_ = reason;
  end_chosen_ = true;
  state_ = State::kStopping;
  process_->kill();
}

void Port::on_eof(const wire::MessageSplitter& splitter) {
  if (splitter.mid_message())
    garbage_ = "its last message was incomplete: it began at byte " +
               std::to_string(splitter.position()) + " of its stdout";
  if (state_ == State::kEnded) return;
  state_ = State::kStopping;  // no reply can come any more: no new calls
  scope_.spawn(kill_when_late());
}

loop::Task<> Port::kill_when_late() {
  co_await around_.loop.sleep(kExitGrace);
  if (!end_chosen_) end_reason_ = calls_.empty() ? EndReason::kExited : EndReason::kCrashed;
  end_chosen_ = true;
  if (garbage_.empty()) garbage_ = "it had closed its stdout";
  process_->kill();
}

void Port::on_process_end() {
  reader_->drain();  // replies that it wrote before it ended count
  bool in_call = std::any_of(calls_.begin(), calls_.end(),
                             [](const auto& entry) { return !entry.second->given_up; });
  if (!end_chosen_) {
    using Cause = launcher::Exit::Cause;
    Cause cause = process_->obituary().exit.cause;
    end_reason_ = cause == Cause::kOutOfMemory ? EndReason::kOutOfMemory
                  : cause == Cause::kLauncher  ? EndReason::kLauncherEnded
                  : in_call                    ? EndReason::kCrashed
                                               : EndReason::kExited;
  }
  end_chosen_ = true;
  state_ = State::kEnded;
  writer_->close();
  auto flights = std::exchange(calls_, {});
  for (auto& [id, flight] : flights) flight->finish(ending_error());
  calm_.set();
  around_.observer.on_end();
}

// What callers whose calls were in flight when the program ended are told.
Error Port::ending_error() const {
  bool reaped = process_ && !process_->alive();
  std::string_view stderr_tail = process_ ? process_->stderr_tail() : std::string_view{};
  if (end_reason_ == EndReason::kProtocol) {
    Error error{ErrorCode::kInvalidOutput,
                "the worker broke the protocol " + plan_.interface + " and was ended: " + garbage_,
                "write nothing but replies on stdout; logs go to stderr"};
    if (!stderr_tail.empty()) error.details.emplace_back("stderr", stderr_tail);
    return error;
  }
  if (end_reason_ == EndReason::kShutdown)
    return {ErrorCode::kUnavailable, "the host shut down and waited no longer for the call",
            "try again"};
  if (!reaped) return {ErrorCode::kFunctionCrashed, "the worker was ended during the call"};
  Error error = crash_error(process_->obituary());
  if (error.code == ErrorCode::kIo) {  // there never was a process
    error.hint = "is it a program, and is the interpreter that its first line names installed?";
    return error;
  }
  if (end_reason_ == EndReason::kTimeout)
    error.message =
        "the worker was killed during the call because another call on it passed its deadline";
  else if (answered_ == 0)
    error.message =
        "the worker ended with " + process_->obituary().text() + " before it had answered a call";
  if (end_reason_ != EndReason::kTimeout && !garbage_.empty()) error.message += "; " + garbage_;
  return error;
}

Error Port::timeout_error() {
  Error error{ErrorCode::kFunctionTimeout, plan_.function + " did not answer before its deadline",
              "raise limits.timeout, or make it faster"};
  process_->pump();
  if (!process_->stderr_tail().empty())
    error.details.emplace_back("stderr", std::string{process_->stderr_tail()});
  return error;
}

}  // namespace trivet::worker
