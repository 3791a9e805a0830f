#pragma once
// What user code may ask of the host through its worker (the ASK frame). The worker knows no more
// of the host than this.

#include "base/result.h"
#include "loop/task.h"
#include "worker/call.h"

namespace trivet::worker {

// Loop thread only; outlives every worker.
class HostServices {
 public:
  // Runs a call that a function made, from admission to its reply. Every code of ErrorCode that is
  // about functions can come back. Dropping the task cancels the call.
  virtual loop::Task<Result<Reply>> invoke(Call call) = 0;

 protected:
  ~HostServices() = default;
};

}  // namespace trivet::worker
