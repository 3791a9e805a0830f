#pragma once
// Admission: refuses at once a call whose wait would be of no use, instead of letting it time out.
//
// Two rules. A call that could not be given a worker before its deadline, at the pace at which the
// queue moves, is refused. And when calls have waited longer than `target` for a whole `interval`,
// the queue is one that stands: then a call is refused unless it would wait less than `target`. A
// burst is let through, however long its queue, and the workers never run dry: the queue that
// stands is shortened to `target`, not to nothing. Pure: the time is passed in.

#include <cstdint>

#include "base/clock.h"

namespace trivet::pool {

class Admission {
 public:
  struct Settings {
    Duration target{}, interval{};
  };
  // A fifteenth of the function's timeout within bounds (limits.h): who waits for a reply for long
  // waits for a worker for long.
  static Settings settings_for(Duration timeout);
  explicit Admission(Settings settings) : settings_(settings) {}

  // A call that came into the queue is given a worker after `queued`; `left` still wait.
  void granted(Instant now, Duration queued, int left);
  // Would a call that comes when `waiting` are before it wait in vain, or in a queue that stands?
  bool refuses(Instant now, int waiting, Instant deadline) const;
  bool standing(Instant now) const;
  // At the queue's pace; zero while that is not known.
  Duration expected_wait(int waiting) const;
  // For a call refused now: when the queue has been worked off, whole seconds, at least one.
  int64_t retry_after_s(int waiting) const;

 private:
  static constexpr int kEnough = 16;  // grants before the pace is believed
  Settings settings_;
  Duration gap_{};  // between two grants, smoothed, while calls wait
  int seen_ = 0;
  Instant last_grant_{};
  bool moving_ = false;  // calls were left waiting at the last grant
  Instant slow_since_ = kNever;
};

}  // namespace trivet::pool
