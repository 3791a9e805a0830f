#pragma once
// Counters of what the host does. Plain numbers on the loop's thread: a call costs a few additions;
// the text of /metrics is made when somebody asks for it.

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace trivet::telemetry {

inline constexpr std::array<double, 14> kBuckets{
    0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30};  // seconds

struct Histogram {
  std::array<int64_t, kBuckets.size() + 1> counts{};  // the last: above every bucket
  double sum_s = 0;
  int64_t count = 0;
  void observe(Duration d);
  void add(const Histogram& other);
};

struct FunctionStats {
  int64_t calls = 0;  // ended
  int64_t ok = 0;
  std::array<int64_t, static_cast<size_t>(ErrorCode::kInternal) + 1> errors{};
  int64_t cold_starts = 0;
  int64_t in_flight = 0;
  Histogram run, queue, start;
  void add(const FunctionStats& other);
};

// A gauge or counter that somebody else holds, named for /metrics.
struct Sample {
  std::string name, help, label, label_value;
  double value = 0;
  bool counter = false;
};

class Stats {
 public:
  FunctionStats& of(const std::string& function) { return functions_[function]; }
  const std::map<std::string, FunctionStats, std::less<>>& functions() const { return functions_; }
  void add(const Stats& other);

 private:
  std::map<std::string, FunctionStats, std::less<>> functions_;
};

// Prometheus text exposition (version 0.0.4).
std::string metrics_text(const Stats& stats, const std::vector<Sample>& samples);

}  // namespace trivet::telemetry
