#pragma once
// LogLimit: how much one worker may log (limits.logs). A bucket that holds a burst and is refilled
// at the rate; a line that does not fit is dropped and counted. Whoever reads the output never
// stops, so that a worker that floods is not blocked, and neither is the loop. Pure.

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "base/limits.h"

namespace trivet::worker {

class LogLimit {
 public:
  // Any number of lines.
  LogLimit() = default;
  // From a full bucket; 0 = any number of lines.
  LogLimit(size_t bytes_per_second, Instant now)
      : rate_(static_cast<double>(bytes_per_second)), left_(burst()), at_(now) {}

  // Is there room for a line of so many bytes? If there is it is taken, else the line is counted.
  bool takes(size_t bytes, Instant now) {
    if (rate_ <= 0) return true;
    if (now > at_) {
      left_ = std::min(burst(), left_ + rate_ * std::chrono::duration<double>(now - at_).count());
      at_ = now;
    }
    double cost = static_cast<double>(bytes + limits::kLogLineCost);
    if (cost > left_) {
      ++dropped_;
      return false;
    }
    left_ -= cost;
    return true;
  }
  // Lines dropped since this was asked before.
  int64_t take_dropped() {
    int64_t dropped = dropped_;
    dropped_ = 0;
    return dropped;
  }

 private:
  // Never less than the longest line: else no such line would ever fit.
  double burst() const {
    return std::max(rate_ * limits::kLogBurst,
                    static_cast<double>(limits::kLogLineMax + limits::kLogLineCost));
  }

  double rate_ = 0, left_ = 0;  // bytes a second; bytes
  Instant at_{};                // when left_ was worked out
  int64_t dropped_ = 0;
};

}  // namespace trivet::worker
