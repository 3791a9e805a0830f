#include "telemetry/log_relay.h"

#include <string>
#include <utility>

#include "base/limits.h"

namespace trivet::telemetry {

void LogRelay::write(LogLine line) {
  {
    std::lock_guard lock(mutex_);
    if (lines_.size() >= limits::kLogStoreLines) {
      ++dropped_;
      return;
    }
    lines_.push_back(std::move(line));
    if (lines_.size() > 1) return;  // somebody is on the way already
  }
  loop_.post([this] { hand_over(); });
}

void LogRelay::hand_over() {
  std::vector<LogLine> lines;
  int64_t dropped = 0;
  {
    std::lock_guard lock(mutex_);
    lines.swap(lines_);
    dropped = std::exchange(dropped_, 0);
  }
  int64_t last_ms = lines.empty() ? 0 : lines.back().time_ms;
  for (auto& line : lines) store_.write(std::move(line));
  if (dropped > 0)
    store_.write({last_ms, "", "", LogLevel::kWarn, LogStream::kHost,
                  std::to_string(dropped) + " log lines came too fast and were dropped", "", 0});
}

}  // namespace trivet::telemetry
