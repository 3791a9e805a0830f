#pragma once
// Process: a child with its output read as log lines and its end observed.
//
// stdout and stderr are pipes. Lines go to the LogSink with the id of the call that the worker is
// on; the last part of stderr is kept for the obituary. The launcher starts it, kills what it left
// behind, reaps it and tells its end; what it still had in its pipes is read then: nothing it said
// is lost.

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/log.h"
#include "launcher/launcher.h"
#include "loop/loop.h"
#include "loop/scope.h"
#include "wire/json_lines.h"
#include "worker/log_limit.h"

namespace trivet::worker {

// What is known of a process that has ended.
struct Obituary {
  os::ExitStatus status;
  std::string stderr_tail;
  launcher::Exit exit;
  std::string text() const;  // "exit code 3", "signal SIGKILL (out of memory)"
};
// The error of a call that was running: kFunctionCrashed with exit_code or signal and stderr as
// details; kIo when it could not be started.
Error crash_error(const Obituary& obituary);

// Who the output belongs to. `call_id` may change between calls.
struct OutputOwner {
  std::string function;
  std::string call_id;
};

class Process final : private launcher::ChildObserver {
 public:
  enum class Capture { kLines, kWhole };  // stdout: log lines, or kept as bytes (one-shot)

  struct Plan {
    launcher::Launch launch;  // descriptors 0, 1, 2 are added here, before the others
    std::string function;
    Capture stdout_capture = Capture::kLines;
    size_t stdout_limit = 0;  // kWhole: more is dropped and marked by overflowed()
    bool pipe_stdin = false;
    int stdout_fd = -1;         // given: the child's stdout, which is then not read here
    bool merge_output = false;  // stdout joins stderr, in order: for build steps
  };
  struct Surroundings {
    loop::Loop& loop;
    const Clock& clock;
    LogSink& logs;
    launcher::Launcher& launcher;
  };
  // Begins the start; that it failed is told like an end. `ended` is called once, from the loop,
  // after the child is reaped, and may destroy the process. kIo when there are no more descriptors.
  static Result<std::unique_ptr<Process>> start(Surroundings around, Plan plan,
                                                std::function<void(Process&)> ended);
  ~Process();  // kills what is still alive

  // It was started blank, and belongs to a function from now on. kIo when it cannot be shown what
  // the policy names, has ended, or was not told so in time.
  loop::Task<Status> assign(const sandbox::Policy& policy, Instant deadline);
  // Somebody else is told of the end from now on.
  void when_ended(std::function<void(Process&)> ended) { ended_ = std::move(ended); }
  // From now on stdout is kept whole, or not.
  void capture(Capture how, size_t limit) {
    capture_ = how;
    stdout_limit_ = limit;
  }

  int pid() const { return pid_; }  // 0 until it is known
  launcher::Ticket ticket() const { return ticket_; }
  bool alive() const { return !obituary_; }
  const Obituary& obituary() const { return *obituary_; }
  OutputOwner& owner() { return owner_; }
  os::Fd take_stdin() { return std::move(stdin_); }
  const std::string& whole_stdout() const { return stdout_bytes_; }
  bool overflowed() const { return overflowed_; }
  std::string_view stderr_tail() const { return stderr_tail_; }
  void forget_stderr() { stderr_tail_.clear(); }

  // From now on it may log so many bytes a second; 0 = any.
  void limit_logs(size_t bytes_per_second) {
    log_limit_ = LogLimit{bytes_per_second, around_.loop.now()};
  }
  // A line that came on another way; within the limit, as those that it prints.
  void log(LogLine line);

  // Reads what is in the pipes now, so that lines printed before a reply are attributed to its
  // call.
  void pump();
  // Text that came on another way, as if it had been printed.
  void print(std::string_view text) { take(*out_, text); }
  // There was too much for one turn of the loop: something is left in the pipes.
  bool behind() const;
  // SIGKILL to the whole tree; `ended` follows.
  void kill();

 private:
  struct Pipe;
  Process(Surroundings around, std::function<void(Process&)> ended);
  void on_started(pid_t pid) override { pid_ = pid; }
  void on_exit(const launcher::Exit& exit) override;
  void on_assigned(const std::string& why_not) override;
  void on_doors(std::vector<sandbox::NetRule> net, std::vector<os::Fd> sockets) override;
  void read_pipe(Pipe& pipe);
  void take(Pipe& pipe, std::string_view bytes);
  void emit(LogStream stream, std::string_view line);
  void tell_dropped();
  loop::Task<> tell_dropped_soon();

  Surroundings around_;
  std::function<void(Process&)> ended_;
  launcher::Ticket ticket_ = 0;
  pid_t pid_ = 0;
  std::unique_ptr<Pipe> out_, err_;
  os::Fd stdin_;
  std::unique_ptr<launcher::Doorkeeper::Keeping> doors_;  // of its sandbox
  OutputOwner owner_;
  Capture capture_ = Capture::kLines;
  size_t stdout_limit_ = 0;
  std::string stdout_bytes_, stderr_tail_;
  bool overflowed_ = false;
  bool killed_ = false;
  LogLimit log_limit_;
  bool will_tell_ = false;  // that lines were dropped
  std::optional<Obituary> obituary_;
  loop::Event assigned_;
  std::string not_assigned_;
  loop::Scope scope_;
};

}  // namespace trivet::worker
