#pragma once
// LogStore: the last lines that functions wrote, in memory, for `trivet logs`, /v1/logs and error
// reports.
//
// A ring: the oldest lines are dropped when it is full, and counted, so that a reader can be told
// how many it missed. Every line has a sequence number; a follower remembers the next one it wants
// and waits for `grown`.

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/log.h"
#include "loop/loop.h"

namespace trivet::telemetry {

struct LogFilter {
  std::string function;  // empty = all
  std::string call_id;   // empty = all
  bool matches(const LogLine& line) const {
    return (function.empty() || line.function == function) &&
           (call_id.empty() || line.call_id == call_id);
  }
};

class LogStore final : public LogSink {
 public:
  explicit LogStore(loop::Loop& loop, size_t capacity = limits::kLogStoreLines)
      : grown_(loop), capacity_(capacity) {}

  void write(LogLine line) override;
  // Also given every line as it comes (the terminal of `trivet dev`).
  void set_tee(std::function<void(const LogLine&)> tee) { tee_ = std::move(tee); }

  // Lines from sequence `from` on that match, at most `most`; `next` becomes where to go on. Lines
  // that were dropped meanwhile are counted in `missed`.
  std::vector<LogLine> read(const LogFilter& filter, uint64_t& next, size_t most,
                            uint64_t& missed) const;
  // The sequence to begin at for the last `count` matching lines.
  uint64_t tail(const LogFilter& filter, size_t count) const;
  uint64_t end() const { return first_ + lines_.size(); }
  uint64_t dropped() const { return first_; }
  uint64_t written() const { return end(); }
  // Lines that limits.logs kept out, by function.
  const std::map<std::string, int64_t>& over_limit() const { return over_limit_; }

  // Waits for a line after `seen` (end() at the time), true; false at the deadline.
  loop::Event::Awaiter grown(Instant deadline) {
    grown_.reset();
    return grown_.wait(deadline);
  }

 private:
  loop::Event grown_;
  size_t capacity_;
  size_t bytes_ = 0;
  uint64_t first_ = 0;  // sequence of lines_.front()
  std::deque<LogLine> lines_;
  std::map<std::string, int64_t> over_limit_;
  std::function<void(const LogLine&)> tee_;
};

// {"time_ms":..,"function":..,"call_id":..,"level":..,"stream":..,"message":..,"fields":{..},"worker":..}
std::string to_json(const LogLine& line);

}  // namespace trivet::telemetry
