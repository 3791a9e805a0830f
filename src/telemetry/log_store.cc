#include "telemetry/log_store.h"

#include <algorithm>

#include "wire/json.h"

namespace trivet::telemetry {
namespace {

size_t size_of(const LogLine& line) {
  return sizeof line + line.message.size() + line.fields.size() + line.call_id.size();
}

}  // namespace

void LogStore::write(LogLine line) {
  if (tee_) tee_(line);
  if (line.dropped > 0) over_limit_[line.function] += line.dropped;
  bytes_ += size_of(line);
  lines_.push_back(std::move(line));
  while (lines_.size() > capacity_ || bytes_ > limits::kLogStoreBytes) {
    bytes_ -= size_of(lines_.front());
    lines_.pop_front();
    ++first_;
  }
  grown_.set();
}

std::vector<LogLine> LogStore::read(const LogFilter& filter, uint64_t& next, size_t most,
                                    uint64_t& missed) const {
  std::vector<LogLine> out;
  if (next < first_) {
    missed += first_ - next;
    next = first_;
  }
  for (; next < end() && out.size() < most; ++next) {
    const LogLine& line = lines_[next - first_];
    if (filter.matches(line)) out.push_back(line);
  }
  return out;
}

uint64_t LogStore::tail(const LogFilter& filter, size_t count) const {
  uint64_t at = end();
  while (at > first_ && count > 0)
    if (filter.matches(lines_[--at - first_])) --count;
  return at;
}

std::string to_json(const LogLine& line) {
  std::string out;
  wire::ObjectWriter writer{out};
  writer.number("time_ms", line.time_ms).text("function", line.function);
  if (line.call_id.empty())
    writer.raw("call_id", "null");
  else
    writer.text("call_id", line.call_id);
  writer.text("level", name(line.level))
      .text("stream", name(line.stream))
      .text("message", line.message);
  if (!line.fields.empty()) writer.raw("fields", line.fields);
  writer.number("worker", int64_t{line.worker});
  writer.close();
  return out;
}

}  // namespace trivet::telemetry
