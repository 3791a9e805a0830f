#include "telemetry/stats.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>

namespace trivet::telemetry {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily family(std::string name, std::string help, MetricType type) {
  MetricFamily f;
  f.name = std::move(name);
  f.help = std::move(help);
  f.type = type;
  return f;
}

ClientMetric labelled(std::initializer_list<std::pair<std::string, std::string>> labels) {
  ClientMetric metric;
  for (const auto& [key, value] : labels) metric.label.push_back({key, value});
  return metric;
}

ClientMetric histogram(const std::string& function, const Histogram& h) {
  ClientMetric metric = labelled({{"function", function}});
  metric.histogram.sample_count = static_cast<uint64_t>(h.count);
  metric.histogram.sample_sum = h.sum_s;
  uint64_t below = 0;
  for (size_t i = 0; i < kBuckets.size(); ++i) {
    below += static_cast<uint64_t>(h.counts[i]);
    metric.histogram.bucket.push_back({below, kBuckets[i]});
  }
  metric.histogram.bucket.push_back(
      {static_cast<uint64_t>(h.count), std::numeric_limits<double>::infinity()});
  return metric;
}

}  // namespace

void Histogram::observe(Duration d) {
  double s = std::chrono::duration<double>(d).count();
  auto bucket = std::lower_bound(kBuckets.begin(), kBuckets.end(), s) - kBuckets.begin();
  ++counts[static_cast<size_t>(bucket)];
  sum_s += s;
  ++count;
}

void Histogram::add(const Histogram& other) {
  for (size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
  sum_s += other.sum_s;
  count += other.count;
}

void FunctionStats::add(const FunctionStats& other) {
  calls += other.calls;
  ok += other.ok;
  for (size_t i = 0; i < errors.size(); ++i) errors[i] += other.errors[i];
  cold_starts += other.cold_starts;
  in_flight += other.in_flight;
  run.add(other.run);
  queue.add(other.queue);
  start.add(other.start);
}

void Stats::add(const Stats& other) {
  for (const auto& [function, stats] : other.functions_) functions_[function].add(stats);
}

std::string metrics_text(const Stats& stats, const std::vector<Sample>& samples) {
  auto calls = family("trivet_calls_total", "Calls that ended, by outcome", MetricType::Counter);
  auto cold = family("trivet_cold_starts_total", "Calls that waited for a worker to start",
                     MetricType::Counter);
  auto in_flight = family("trivet_calls_in_flight", "Calls that run or wait", MetricType::Gauge);
  auto run = family("trivet_call_run_seconds", "Time in the worker", MetricType::Histogram);
  auto queue =
      family("trivet_call_queue_seconds", "Time waiting for a worker", MetricType::Histogram);
  auto start = family("trivet_call_start_seconds", "Time waiting for a worker to start",
                      MetricType::Histogram);
  for (const auto& [function, s] : stats.functions()) {
    auto outcome = [&](std::string_view name, int64_t count) {
      ClientMetric metric = labelled({{"function", function}, {"outcome", std::string{name}}});
      metric.counter.value = static_cast<double>(count);
      calls.metric.push_back(metric);
    };
    outcome("OK", s.ok);
    for (size_t i = 0; i < s.errors.size(); ++i)
      if (s.errors[i] > 0) outcome(traits(static_cast<ErrorCode>(i)).name, s.errors[i]);
    cold.metric.push_back(labelled({{"function", function}}));
    cold.metric.back().counter.value = static_cast<double>(s.cold_starts);
    in_flight.metric.push_back(labelled({{"function", function}}));
    in_flight.metric.back().gauge.value = static_cast<double>(s.in_flight);
    run.metric.push_back(histogram(function, s.run));
    queue.metric.push_back(histogram(function, s.queue));
    start.metric.push_back(histogram(function, s.start));
  }
  std::vector<MetricFamily> families{calls, cold, in_flight, run, queue, start};
  for (const auto& sample : samples) {
    if (families.back().name != sample.name)
      families.push_back(family(sample.name, sample.help,
                                sample.counter ? MetricType::Counter : MetricType::Gauge));
    ClientMetric metric;
    if (!sample.label.empty()) metric = labelled({{sample.label, sample.label_value}});
    (sample.counter ? metric.counter.value : metric.gauge.value) = sample.value;
    families.back().metric.push_back(metric);
  }
  return prometheus::TextSerializer{}.Serialize(families);
}

}  // namespace trivet::telemetry
