#pragma once
// The simulator: the real dispatcher with its real pools, leases, budget and policies, on a loop
// whose clock stands still until it is moved, with workers that fail (sim_worker_test.h). All that
// happens follows from a seed. After each step it is looked at from outside:
//
//   - a call is answered once, with the answer to it or an error that has a name, in time;
//   - so are the calls that functions make, and they end with the call that made them;
//   - no worker has more calls than it takes, none is lent that takes none;
//   - workers, queue and budget stay within their limits;
//   - no call waits beside a worker that is free, or for a worker that nobody starts;
//   - at the end nothing is left: no process, no worker, no call, no share of the budget.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dispatch/dispatch.h"
#include "dispatch/sim_worker_test.h"

namespace trivet::sim {

struct Plan {
  uint64_t seed = 0;
  int steps = 100;
  Plant plant = Plant::kNone;
  bool trace = false;  // what happens, on stderr
};

struct Outcome {
  std::string violation;  // empty: none
  int64_t calls = 0, answered = 0, dropped = 0;
  int64_t asked = 0, ask_answers = 0, nested_most = 0;  // of calls that functions made
  std::array<int64_t, static_cast<size_t>(ErrorCode::kInternal) + 1> errors{};
  std::array<int64_t, worker::kEndReasonCount> ends{};
};

Outcome simulate(const Plan& plan);

}  // namespace trivet::sim
