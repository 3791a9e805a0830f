#include "worker/process.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

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

// Marks what a worker starts, so that kill_tree finds orphans.
std::string next_cookie() {
  static std::atomic<uint64_t> counter{0};
  return "TRIVET_WORKER=" + std::to_string(getpid()) + "." + std::to_string(++counter);
}

}  // namespace

// One descriptor of the child that the loop watches.
struct Process::Pipe final : loop::IoHandler {
  Pipe(Process& process, os::Fd read_end, LogStream which)
      : owner(process), fd(std::move(read_end)), stream(which), lines(limits::kLogLineMax) {
    owner.loop_.add(fd.get(), kEvents, *this);
  }
  ~Pipe() { close(); }
  void close() {
    if (!fd) return;
    owner.loop_.remove(fd.get(), *this);
    fd.reset();
  }
  void on_io(uint32_t) override { owner.read_pipe(*this); }

  Process& owner;
  os::Fd fd;
  LogStream stream;
  wire::LineSplitter lines;
  bool behind = false;  // not read to its end for now
};

// The pidfd: readable when the child has ended.
struct Process::Exit final : loop::IoHandler {
  explicit Exit(Process& process) : owner(process) { owner.loop_.add(fd(), EPOLLIN, *this); }
  ~Exit() { close(); }
  int fd() const { return owner.child_.pidfd.get(); }
  void close() {
    if (watching) owner.loop_.remove(fd(), *this);
    watching = false;
  }
  void on_io(uint32_t) override { owner.on_exit(); }

  Process& owner;
  bool watching = true;
};

Process::Process(loop::Loop& loop, const Clock& clock, LogSink& logs,
                 std::function<void(Process&)> ended)
    : loop_(loop), clock_(clock), logs_(logs), ended_(std::move(ended)), cookie_(next_cookie()) {}

Process::~Process() {
  if (alive() && child_.pidfd) {
    os::kill_tree(child_.pid, cookie_);
    os::reap(child_);
  }
}

Result<std::unique_ptr<Process>> Process::start(loop::Loop& loop, const Clock& clock, LogSink& logs,
                                                Plan plan, std::function<void(Process&)> ended) {
  std::unique_ptr<Process> p{new Process(loop, clock, logs, std::move(ended))};
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
  plan.spawn.fds.push_back({0, input.get()});
  int stdout_fd = plan.stdout_fd >= 0 ? plan.stdout_fd : out->write.get();
  plan.spawn.fds.push_back({1, plan.merge_output ? err->write.get() : stdout_fd});
  plan.spawn.fds.push_back({2, err->write.get()});
  plan.spawn.env.push_back(p->cookie_);
  auto child = os::spawn(plan.spawn);
  if (!child) return std::move(child).error();
  p->child_ = std::move(*child);
  p->out_ = std::make_unique<Pipe>(*p, std::move(out->read), LogStream::kStdout);
  p->err_ = std::make_unique<Pipe>(*p, std::move(err->read), LogStream::kStderr);
  p->exit_ = std::make_unique<Exit>(*p);
  return p;
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
  loop_.again(pipe.fd.get(), kEvents, pipe);
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
  out.time_ms = clock_.unix_ms();
  out.function = owner_.function;
  out.call_id = owner_.call_id;
  out.level = stream == LogStream::kStderr ? LogLevel::kError : LogLevel::kInfo;
  out.stream = stream;
  out.message = line;
  out.worker = child_.pid;
  logs_.write(std::move(out));
}

bool Process::behind() const { return out_->behind || err_->behind; }

void Process::pump() {
  read_pipe(*out_);
  read_pipe(*err_);
}

void Process::kill() {
  if (!alive() || killed_) return;
  killed_ = true;
  os::kill_tree(child_.pid, cookie_);
}

void Process::on_exit() {
  // The child is a zombie: its pid is still its own, so what it started can be found and ended.
  if (capture_ == Capture::kWhole && !killed_)
    os::kill_group(child_.pid);
  else
    os::kill_tree(child_.pid, cookie_);
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
  exit_->close();
  if (stderr_tail_.size() > limits::kStderrTail)
    stderr_tail_.erase(0, stderr_tail_.size() - limits::kStderrTail);
  obituary_ = Obituary{os::reap(child_), stderr_tail_};
  auto ended = std::move(ended_);
  if (ended) ended(*this);  // may destroy us
}

Error crash_error(const Obituary& obituary) {
  Error error{ErrorCode::kFunctionCrashed,
              "the worker ended with " + obituary.status.text() + " during the call",
              obituary.stderr_tail.empty()
                  ? "it wrote nothing on stderr; `trivet logs` has the rest"
                  : "read stderr below; `trivet logs` has the rest"};
  if (obituary.status.signal > 0)
    error.details.emplace_back("signal", os::signal_name(obituary.status.signal));
  else
    error.details.emplace_back("exit_code", std::to_string(obituary.status.code));
  if (!obituary.stderr_tail.empty()) error.details.emplace_back("stderr", obituary.stderr_tail);
  return error;
}

}  // namespace trivet::worker
