#include "telemetry/stats.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <regex>
#include <set>
#include <sstream>

namespace trivet::telemetry {
namespace {

// What a scraper of the text exposition format (version 0.0.4) makes of a page, and what it would
// refuse. `values` is by series as written: name{label="value",...}.
struct Page {
  explicit Page(const std::string& text) {
    EXPECT_TRUE(text.empty() || text.back() == '\n') << "the last line has no end";
    std::istringstream lines{text};
    for (std::string line; std::getline(lines, line);) take(line);
  }
  double at(const std::string& series) const {
    auto it = values.find(series);
    return it == values.end() ? std::nan("") : it->second;
  }

  std::map<std::string, double> values;
  std::map<std::string, std::string> types;

 private:
  static const std::string kName, kLabel;

  void take(const std::string& line) {
    std::smatch m;
    if (std::regex_match(line, m, std::regex{"# HELP (" + kName + ") (.+)"})) {
      EXPECT_TRUE(helped_.insert(m[1]).second) << "a second HELP: " << line;
      family_ = m[1];
    } else if (std::regex_match(line, m, std::regex{"# TYPE (" + kName + ") (\\w+)"})) {
      EXPECT_TRUE(types.emplace(m[1], m[2]).second) << "a second TYPE: " << line;
      EXPECT_TRUE(m[2] == "counter" || m[2] == "gauge" || m[2] == "histogram") << line;
      EXPECT_EQ(family_, m[1]) << "a TYPE away from its HELP";
    } else {
      take_sample(line);
    }
  }
  void take_sample(const std::string& line) {
    std::smatch m;
    std::regex sample{"(" + kName + ")(\\{" + kLabel + "(?:," + kLabel + ")*\\})? (\\S+)"};
    ASSERT_TRUE(std::regex_match(line, m, sample)) << line;
    std::string name = m[1];
    ASSERT_TRUE(types.count(family_)) << "no TYPE before " << line;
    if (types[family_] == "histogram") {
      auto parts = {"_bucket", "_sum", "_count"};
      EXPECT_TRUE(std::any_of(parts.begin(), parts.end(), [&](auto part) {
        return name == family_ + part;
      })) << line;
    } else {
      EXPECT_EQ(name, family_) << "a sample away from its TYPE";
    }
    char* end = nullptr;
    std::string number = m[m.size() - 1];
    double value = std::strtod(number.c_str(), &end);
    EXPECT_EQ(*end, '\0') << line;
    EXPECT_TRUE(values.emplace(line.substr(0, line.size() - number.size() - 1), value).second)
        << "twice: " << line;
  }

  std::set<std::string> helped_;
  std::string family_;
};
const std::string Page::kName = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const std::string Page::kLabel = R"re([a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\[\\n"])*")re";

int64_t total(const Histogram& h) {
  return std::accumulate(h.counts.begin(), h.counts.end(), int64_t{0});
}

TEST(Histogram, a_bound_belongs_to_its_bucket) {
  for (size_t i = 0; i < kBuckets.size(); ++i) {
    auto bound = Duration{std::llround(kBuckets[i] * 1e9)};
    Histogram at, over;
    at.observe(bound);
    over.observe(bound + 1ns);
    EXPECT_EQ(at.counts[i], 1) << kBuckets[i];
    EXPECT_EQ(over.counts[i + 1], 1) << kBuckets[i];
  }
}

TEST(Histogram, takes_nothing_and_everything) {
  Histogram h;
  h.observe(0ns);
  h.observe(-1ns);
  h.observe(24h);
  EXPECT_EQ(h.counts.front(), 2);
  EXPECT_EQ(h.counts.back(), 1);
}

TEST(Histogram, sums_up_what_it_saw) {
  Histogram h;
  for (Duration d : {Duration{1ms}, Duration{2ms}, Duration{2s}, Duration{2min}}) h.observe(d);
  EXPECT_EQ(h.count, 4);
  EXPECT_EQ(total(h), 4);
  EXPECT_NEAR(h.sum_s, 122.003, 1e-9);
}

TEST(Buckets, go_up) { EXPECT_TRUE(std::is_sorted(kBuckets.begin(), kBuckets.end())); }

TEST(Stats, of_a_function_are_made_when_it_is_first_named) {
  Stats stats;
  EXPECT_TRUE(stats.functions().empty());
  stats.of("f").calls = 3;
  EXPECT_EQ(stats.of("f").calls, 3);
  EXPECT_EQ(stats.of("g").calls, 0);
  EXPECT_EQ(stats.functions().size(), 2u);
}

Stats some_calls() {
  Stats stats;
  FunctionStats& f = stats.of("f");
  f.calls = 9;
  f.ok = 6;
  f.errors[static_cast<size_t>(ErrorCode::kFunctionTimeout)] = 2;
  f.errors[static_cast<size_t>(ErrorCode::kInternal)] = 1;
  f.cold_starts = 2;
  f.in_flight = 4;
  for (Duration d : {Duration{1ms}, Duration{3ms}, Duration{1min}}) f.run.observe(d);
  f.queue.observe(0s);
  stats.of("g").ok = 1;
  return stats;
}

TEST(MetricsText, is_a_page_that_a_scraper_takes) {
  Page page{
      metrics_text(some_calls(), {{"trivet_functions", "Functions", "", "", 2, false},
                                  {"trivet_ends_total", "Ends", "reason", "idle", 1, true},
                                  {"trivet_ends_total", "Ends", "reason", "crash", 2, true}})};
  EXPECT_EQ(page.types["trivet_calls_total"], "counter");
  EXPECT_EQ(page.types["trivet_calls_in_flight"], "gauge");
  EXPECT_EQ(page.types["trivet_call_run_seconds"], "histogram");
  EXPECT_EQ(page.types["trivet_functions"], "gauge");
  EXPECT_EQ(page.types["trivet_ends_total"], "counter");
}

TEST(MetricsText, of_nothing_is_a_page_too) {
  Page page{metrics_text(Stats{}, {})};
  EXPECT_TRUE(page.values.empty());
}

TEST(MetricsText, has_the_calls_by_outcome_and_only_errors_that_happened) {
  Page page{metrics_text(some_calls(), {})};
  EXPECT_EQ(page.at("trivet_calls_total{function=\"f\",outcome=\"OK\"}"), 6);
  EXPECT_EQ(page.at("trivet_calls_total{function=\"f\",outcome=\"FUNCTION_TIMEOUT\"}"), 2);
  EXPECT_EQ(page.at("trivet_calls_total{function=\"f\",outcome=\"INTERNAL\"}"), 1);
  EXPECT_EQ(page.values.count("trivet_calls_total{function=\"f\",outcome=\"CANCELLED\"}"), 0u);
  EXPECT_EQ(page.at("trivet_calls_total{function=\"g\",outcome=\"OK\"}"), 1);
  EXPECT_EQ(page.at("trivet_cold_starts_total{function=\"f\"}"), 2);
  EXPECT_EQ(page.at("trivet_calls_in_flight{function=\"f\"}"), 4);
}

TEST(MetricsText, buckets_are_cumulative_and_end_with_all) {
  Page page{metrics_text(some_calls(), {})};
  auto below = [&page](const std::string& bound) {
    return page.at("trivet_call_run_seconds_bucket{function=\"f\",le=\"" + bound + "\"}");
  };
  EXPECT_EQ(below("0.0005"), 0);
  EXPECT_EQ(below("0.001"), 1);
  EXPECT_EQ(below("0.0025"), 1);
  EXPECT_EQ(below("0.005"), 2);
  EXPECT_EQ(below("30"), 2);
  EXPECT_EQ(below("+Inf"), 3);
  EXPECT_EQ(page.at("trivet_call_run_seconds_count{function=\"f\"}"), 3);
  EXPECT_NEAR(page.at("trivet_call_run_seconds_sum{function=\"f\"}"), 60.004, 1e-9);
  EXPECT_EQ(page.at("trivet_call_queue_seconds_count{function=\"f\"}"), 1);
  EXPECT_EQ(page.at("trivet_call_start_seconds_count{function=\"f\"}"), 0);
}

TEST(MetricsText, has_what_others_hold) {
  Page page{metrics_text(Stats{}, {{"trivet_workers", "Live workers", "", "", 7, false},
                                   {"trivet_ends_total", "Ends", "reason", "idle", 1, true},
                                   {"trivet_ends_total", "Ends", "reason", "crash", 2, true}})};
  EXPECT_EQ(page.at("trivet_workers"), 7);
  EXPECT_EQ(page.at("trivet_ends_total{reason=\"idle\"}"), 1);
  EXPECT_EQ(page.at("trivet_ends_total{reason=\"crash\"}"), 2);
}

TEST(MetricsText, labels_are_escaped) {
  Page page{metrics_text(Stats{}, {{"x", "X", "why", "a\"b\\c\nd", 1, false}})};
  EXPECT_EQ(page.at(R"(x{why="a\"b\\c\nd"})"), 1);
}

TEST(MetricsText, large_counts_stay_exact) {
  Stats stats;
  stats.of("f").ok = 9'007'199'254'740'991;  // the last that a double has without gaps
  Page page{metrics_text(stats, {})};
  EXPECT_EQ(page.at("trivet_calls_total{function=\"f\",outcome=\"OK\"}"), 9'007'199'254'740'991.0);
}

TEST(Stats, add_up_function_by_function) {
  Stats one, other;
  one.of("a").calls = 1;
  one.of("a").ok = 1;
  one.of("a").run.observe(2ms);
  other.of("a").calls = 2;
  other.of("a").errors[static_cast<size_t>(ErrorCode::kInternal)] = 2;
  other.of("a").cold_starts = 1;
  other.of("a").in_flight = 3;
  other.of("a").run.observe(40s);
  other.of("b").calls = 5;
  one.add(other);
  const FunctionStats& a = one.of("a");
  EXPECT_EQ(a.calls, 3);
  EXPECT_EQ(a.ok, 1);
  EXPECT_EQ(a.errors[static_cast<size_t>(ErrorCode::kInternal)], 2);
  EXPECT_EQ(a.cold_starts, 1);
  EXPECT_EQ(a.in_flight, 3);
  EXPECT_EQ(a.run.count, 2);
  EXPECT_DOUBLE_EQ(a.run.sum_s, 40.002);
  EXPECT_EQ(a.run.counts.back(), 1);
  EXPECT_EQ(one.of("b").calls, 5);
}

}  // namespace
}  // namespace trivet::telemetry
