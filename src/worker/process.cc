#include "worker/process.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/limits.h"

namespace trivet::worker {
namespace {

constexpr size_t kReadSize = 64 * limits::kKiB;
constexpr int kReadsPerTurn = 16;  // a flood of output must not keep the loop from everything else
constexpr uint32_t kEvents = EPOLLIN | EPOLLET;

struct PipePair {
  os::Fd read, write;
};

Result<PipePair> make_pipe() {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return io_error("cannot make a pipe", errno);
  return PipePair{os::Fd{fds[0]}, os::Fd{fds[1]}};
}

void set_nonblocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

}  // namespace

// One descriptor of the child that the loop watches.
struct Process::Pipe final : loop::IoHandler {
  Pipe(Process& process, os::Fd read_end, LogStream which)
      : owner(process), fd(std::move(read_end)), stream(which), lines(limits::kLogLineMax) {
    owner.around_.loop.add(fd.get(), kEvents, *this);
  }
  ~Pipe() { close(); }
  void close() {
    if (!fd) return;
    owner.around_.loop.remove(fd.get(), *this);
    fd.reset();
  }
  void on_io(uint32_t) override { owner.read_pipe(*this); }

  Process& owner;
  os::Fd fd;
  LogStream stream;
  wire::LineSplitter lines;
  bool behind = false;  // not read to its end for now
};

Process::Process(Surroundings around, std::function<void(Process&)> ended)
    : around_(around), ended_(std::move(ended)), assigned_(around.loop), scope_(around.loop) {}

Process::~Process() {
  if (alive()) around_.launcher.abandon(ticket_);
}

Result<std::unique_ptr<Process>> Process::start(Surroundings around, Plan plan,
                                                std::function<void(Process&)> ended) {
  std::unique_ptr<Process> p{new Process(around, std::move(ended))};
  p->owner_.function = std::move(plan.function);
  p->capture_ = plan.stdout_capture;
  p->stdout_limit_ = plan.stdout_limit;
  auto out = make_pipe();
  auto err = make_pipe();
  if (!out) return std::move(out).error();
  if (!err) return std::move(err).error();
  set_nonblocking(out->read.get());
  set_nonblocking(err->read.get());

  os::Fd input;
  if (plan.pipe_stdin) {
    auto in = make_pipe();
    if (!in) return std::move(in).error();
    input = std::move(in->read);
    p->stdin_ = std::move(in->write);
    set_nonblocking(p->stdin_.get());
  } else {
    input = os::Fd{open("/dev/null", O_RDONLY | O_CLOEXEC)};
  }
  int own = plan.stdout_fd >= 0 ? plan.stdout_fd : out->write.get();
  int print = plan.merge_output ? err->write.get() : own;
  auto& fds = plan.launch.spawn.fds;
  fds.insert(fds.begin(), {{0, input.get()}, {1, print}, {2, err->write.get()}});
  p->out_ = std::make_unique<Pipe>(*p, std::move(out->read), LogStream::kStdout);
  p->err_ = std::make_unique<Pipe>(*p, std::move(err->read), LogStream::kStderr);
  p->ticket_ = around.launcher.start(std::move(plan.launch), *p);
  return p;
}

loop::Task<Status> Process::assign(const sandbox::Policy& policy, Instant deadline) {
  if (policy.level == sandbox::Level::kTrusted) co_return Status{};
  if (alive()) around_.launcher.assign(ticket_, policy);
  bool in_time = co_await assigned_.wait(deadline);
  if (!in_time) co_return Error{ErrorCode::kIo, "its sandbox was not ready in time"};
  if (!not_assigned_.empty()) co_return Error{ErrorCode::kIo, not_assigned_};
  co_return Status{};
}

void Process::on_assigned(const std::string& why_not) {
  not_assigned_ = why_not;
  assigned_.set();
}

void Process::on_doors(std::vector<sandbox::NetRule> net, std::vector<os::Fd> sockets) {
  auto* keeper = around_.launcher.doorkeeper();
  auto doors = sandbox::plan_doors(net);
  if (keeper && doors && doors->size() == sockets.size())
    doors_ = keeper->keep(owner_.function, pid_, std::move(*doors), std::move(sockets));
}

void Process::read_pipe(Pipe& pipe) {
  pipe.behind = false;
  char buffer[kReadSize];
  for (int turn = 0; turn < kReadsPerTurn && pipe.fd; ++turn) {
    ssize_t n = read(pipe.fd.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return;  // EAGAIN
    if (n == 0) {
      pipe.close();
      return;
    }
    take(pipe, {buffer, static_cast<size_t>(n)});
    if (static_cast<size_t>(n) < sizeof buffer) return;
  }
  if (!pipe.fd) return;
  pipe.behind = true;
  around_.loop.again(pipe.fd.get(), kEvents, pipe);
}

void Process::take(Pipe& pipe, std::string_view bytes) {
  if (pipe.stream == LogStream::kStderr) {
    stderr_tail_.append(bytes);
    if (stderr_tail_.size() > 2 * limits::kStderrTail)
      stderr_tail_.erase(0, stderr_tail_.size() - limits::kStderrTail);
  } else if (capture_ == Capture::kWhole) {
    size_t room = stdout_limit_ - std::min(stdout_limit_, stdout_bytes_.size());
    overflowed_ |= bytes.size() > room;
    stdout_bytes_.append(bytes.substr(0, room));
    return;
  }
  pipe.lines.feed(bytes);
  while (auto line = pipe.lines.next()) emit(pipe.stream, line->text);
}

void Process::emit(LogStream stream, std::string_view line) {
  LogLine out;
  out.time_ms = around_.clock.unix_ms();
  out.function = owner_.function;
  out.call_id = owner_.call_id;
  out.level = stream == LogStream::kStderr ? LogLevel::kError : LogLevel::kInfo;
  out.stream = stream;
  out.message = line;
  out.worker = pid_;
  log(std::move(out));
}

void Process::log(LogLine line) {
  if (log_limit_.takes(line.message.size() + line.fields.size(), around_.loop.now()))
    return around_.logs.write(std::move(line));
  if (!std::exchange(will_tell_, true)) scope_.spawn(tell_dropped_soon());
}

loop::Task<> Process::tell_dropped_soon() {
  co_await around_.loop.sleep(limits::kLogDropNotice);
  will_tell_ = false;
  tell_dropped();
}

// What the limit left out: of the worker, for several calls may have had a part in it.
void Process::tell_dropped() {
  LogLine out;
  out.dropped = log_limit_.take_dropped();
  if (out.dropped == 0) return;
  out.time_ms = around_.clock.unix_ms();
  out.function = owner_.function;
  out.level = LogLevel::kWarn;
  out.stream = LogStream::kHost;
  out.message = std::to_string(out.dropped) + " lines dropped: over limits.logs";
  out.worker = pid_;
  around_.logs.write(std::move(out));
}

bool Process::behind() const { return out_->behind || err_->behind; }

void Process::pump() {
  read_pipe(*out_);
  read_pipe(*err_);
}

void Process::kill() {
  if (!alive() || killed_) return;
  killed_ = true;
  around_.launcher.kill(ticket_);
}

void Process::on_exit(const launcher::Exit& exit) {
  for (Pipe* pipe : {out_.get(), err_.get()}) {
    size_t budget = limits::kPayloadMax / kReadSize;
    for (; pipe->fd && budget > 0; --budget) {
      char buffer[kReadSize];
      ssize_t n = read(pipe->fd.get(), buffer, sizeof buffer);
      if (n <= 0) break;
      take(*pipe, {buffer, static_cast<size_t>(n)});
    }
    if (auto rest = pipe->lines.finish()) emit(pipe->stream, rest->text);
    pipe->close();
  }
  tell_dropped();
  if (stderr_tail_.size() > limits::kStderrTail)
    stderr_tail_.erase(0, stderr_tail_.size() - limits::kStderrTail);
  doors_.reset();
  obituary_ = Obituary{exit.status, stderr_tail_, exit};
  if (pid_ > 0) obituary_->exit.not_started.clear();
  if (!assigned_.is_set())
    on_assigned(exit.not_started.empty() ? "it ended before it had a function" : exit.not_started);
  auto ended = std::move(ended_);
  if (ended) ended(*this);  // may destroy us
}

std::string Obituary::text() const {
  using Cause = launcher::Exit::Cause;
  std::string text = status.text();
  if (exit.cause == Cause::kOutOfMemory) text += " (out of memory)";
  if (exit.cause == Cause::kZygote) text += " (its zygote ended)";
  if (exit.cause == Cause::kLauncher) text += " (the launcher ended)";
  return text;
}

Error crash_error(const Obituary& obituary) {
  if (!obituary.exit.not_started.empty())
    return {ErrorCode::kIo, "the worker could not be started: " + obituary.exit.not_started};
  Error error{
      ErrorCode::kFunctionCrashed, "the worker ended with " + obituary.text() + " during the call",
      obituary.stderr_tail.empty() ? "it wrote nothing on stderr; `trivet logs` has the rest"
                                   : "read stderr below; `trivet logs` has the rest"};
  if (obituary.status.signal > 0)
    error.details.emplace_back("signal", os::signal_name(obituary.status.signal));
  else
    error.details.emplace_back("exit_code", std::to_string(obituary.status.code));
  if (!obituary.stderr_tail.empty()) error.details.emplace_back("stderr", obituary.stderr_tail);
  return error;
}

}  // namespace trivet::worker
