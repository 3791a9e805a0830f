#pragma once
// What a pool tells of itself: plain values for lists and counters.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "worker/worker.h"

namespace trivet::pool {

// Counted over a pool's life.
struct PoolCounts {
  int64_t starts = 0, start_failures = 0, refused = 0;
  std::array<int64_t, worker::kEndReasonCount> ends{};  // by worker::EndReason
};

// One worker, for lists.
struct WorkerView {
  int pid = 0;
  const char* state = "";  // "idle", "busy", "stopping"
  int busy = 0;
  int64_t calls = 0;
  Duration age{}, idle{};
};

// One worker that has ended, or did not start.
struct ExitView {
  int pid = 0;  // 0: no process
  worker::EndReason reason = worker::EndReason::kExited;
  std::string text;
  Instant at{};
};

// A pool, for lists.
struct PoolView {
  int workers = 0, starting = 0, busy = 0, waiting = 0;
  const char* breaker = "";  // "closed", "open", "half_open"
  int64_t breaker_opened = 0, starts = 0, refused = 0;
  std::vector<ExitView> exits;  // the last ones, newest first
};

}  // namespace trivet::pool
