#pragma once
// LogRelay: takes the lines of a loop that is not the store's, and hands them over in batches.
//
// Lines of one relay arrive in order, and before anything that its loop posts to the store's loop
// later. When they come faster than the store's loop takes them, lines are dropped, which a line in
// their place says.

#include <mutex>
#include <vector>

#include "base/log.h"
#include "loop/loop.h"

namespace trivet::telemetry {

class LogRelay final : public LogSink {
 public:
  // `loop` is the store's; both outlive the relay, and the loop takes nothing more after it.
  LogRelay(loop::Loop& loop, LogSink& store) : loop_(loop), store_(store) {}

  // On any thread.
  void write(LogLine line) override;

 private:
  void hand_over();

  loop::Loop& loop_;
  LogSink& store_;
  std::mutex mutex_;
  std::vector<LogLine> lines_;  // guarded by mutex_
  int64_t dropped_ = 0;         // guarded by mutex_
};

}  // namespace trivet::telemetry
