#pragma once
// Worker: one live instance that answers calls. The pool knows no more of it than this.
//
// Three transports implement it: Framed (a process that stays, docs/formats/frame.md), Port (a
// program that stays, docs/formats/port-protocols.md) and Oneshot (a slot that starts a process per
// call). All on the loop's thread.

#include <cstddef>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "loop/loop.h"
#include "loop/task.h"
#include "worker/call.h"

namespace trivet::worker {

// Every way a worker can end has a name: metrics, logs and tests use these.
enum class EndReason {
  kDrained,        // asked to stop, stopped
  kIdle,           // not needed for scale.idle
  kReplaced,       // a new version of the function took over
  kRecycled,       // restart.max_calls or max_age reached, or a fresh worker per call
  kSurplus,        // an overflow worker that is no longer needed
  kCrashed,        // ended by itself during a call
  kExited,         // ended by itself between calls
  kTimeout,        // killed: a call passed its deadline
  kProtocol,       // killed: what it wrote is not its protocol
  kLoadFailed,     // user code did not load
  kStartTimeout,   // not READY in time
  kShutdown,       // the host stops
  kEvicted,        // made room for another function's worker
  kStartFailed,    // its process could not be started
  kOutOfMemory,    // the kernel ended it for want of memory
  kZygoteEnded,    // it was the fork of a zygote that ended
  kLauncherEnded,  // the launcher ended, and all its children with it
};
inline constexpr size_t kEndReasonCount = static_cast<size_t>(EndReason::kLauncherEnded) + 1;
std::string_view name(EndReason reason);  // "start_timeout"

// What the pool hears from its workers. A worker reports its end exactly once, after its process is
// reaped.
class WorkerObserver {
 public:
  virtual void on_free() = 0;  // some worker can take a call again
  virtual void on_end() = 0;   // some worker has ended

 protected:
  ~WorkerObserver() = default;
};

class Worker {
 public:
  virtual ~Worker() = default;

  // Runs one call. Precondition: alive() and busy() < capacity(). `call` must outlive the task. The
  // reply's stream, when there is one, keeps the worker busy until it ends or is dropped. Failures:
  // kFunctionError, kFunctionCrashed, kFunctionTimeout, kInvalidOutput, kInvalidInput, kLoadFailed,
  // kIo. Dropping the task abandons the call: the worker is told, and is not free until it has
  // answered or is killed at the call's deadline.
  virtual loop::Task<Result<Reply>> invoke(Call& call) = 0;

  virtual int capacity() const = 0;   // calls it takes at once
  virtual int busy() const = 0;       // calls it has, abandoned ones too
  virtual bool alive() const = 0;     // takes calls: started, not asked to stop, not ended
  virtual bool ended() const = 0;     // its process is gone and reaped
  virtual int pid() const = 0;        // 0 when there is no process
  virtual int64_t calls() const = 0;  // answered so far
  virtual Instant started() const = 0;
  virtual EndReason end_reason() const = 0;  // meaningful when ended
  // How it ended, for people: "exit status 3". Empty when there is no more to say than the reason.
  virtual std::string end_text() const { return {}; }

  // Lets calls in flight finish, then ends the process; kills it when it is not gone
  // limits::kStopGrace after its last call.
  virtual void stop(EndReason reason) = 0;
  // Ends the process and all it started, now. Calls in flight fail.
  virtual void kill(EndReason reason) = 0;
};

}  // namespace trivet::worker
