#include "worker/log_limit.h"

#include <gtest/gtest.h>

namespace trivet::worker {
namespace {

constexpr size_t kRate = 64 * limits::kKiB;
constexpr size_t kLine = 1024 - limits::kLogLineCost;  // counts as 1 KiB

// Lines of 1 KiB that fit at that moment.
int64_t fill(LogLimit& limit, Instant now) {
  int64_t lines = 0;
  while (lines < 1'000'000 && limit.takes(kLine, now)) ++lines;
  return lines;
}

TEST(LogLimit, a_burst_fits_and_then_so_much_a_second) {
  Instant now{};
  LogLimit limit{kRate, now};
  EXPECT_EQ(fill(limit, now), 64 * limits::kLogBurst);
  EXPECT_EQ(fill(limit, now), 0);
  EXPECT_EQ(fill(limit, now + 1s), 64);
  EXPECT_EQ(fill(limit, now + 1s), 0);
  EXPECT_EQ(fill(limit, now + 1250ms), 16);
}

TEST(LogLimit, a_long_silence_fills_no_more_than_a_burst) {
  Instant now{};
  LogLimit limit{kRate, now};
  fill(limit, now);
  EXPECT_EQ(fill(limit, now + std::chrono::hours{24 * 365}), 64 * limits::kLogBurst);
}

TEST(LogLimit, what_is_dropped_is_counted_until_it_is_told) {
  Instant now{};
  LogLimit limit{kRate, now};
  fill(limit, now);  // the last one did not fit
  EXPECT_EQ(limit.take_dropped(), 1);
  EXPECT_EQ(limit.take_dropped(), 0);
  for (int i = 0; i < 7; ++i) limit.takes(kLine, now);
  EXPECT_EQ(limit.take_dropped(), 7);
}

TEST(LogLimit, empty_lines_are_not_free) {
  Instant now{};
  LogLimit limit{kRate, now};
  int64_t lines = 0;
  while (lines < 1'000'000 && limit.takes(0, now)) ++lines;
  EXPECT_EQ(lines, static_cast<int64_t>(kRate * limits::kLogBurst / limits::kLogLineCost));
}

TEST(LogLimit, the_longest_line_fits_at_the_least_rate) {
  Instant now{};
  LogLimit limit{limits::kLogRateLeast, now};
  EXPECT_TRUE(limit.takes(limits::kLogLineMax, now));
  EXPECT_FALSE(limit.takes(limits::kLogLineMax, now + 1s));
  EXPECT_TRUE(limit.takes(limits::kLogLineMax, now + 10s));
}

TEST(LogLimit, none_takes_everything) {
  LogLimit any, none{0, Instant{}};
  for (int i = 0; i < 100'000; ++i) {
    ASSERT_TRUE(any.takes(limits::kLogLineMax, Instant{}));
    ASSERT_TRUE(none.takes(limits::kLogLineMax, Instant{}));
  }
  EXPECT_EQ(any.take_dropped(), 0);
}

TEST(LogLimit, a_clock_that_stands_or_goes_back_fills_nothing) {
  Instant now = Instant{} + 10s;
  LogLimit limit{kRate, now};
  fill(limit, now);
  EXPECT_EQ(fill(limit, now - 5s), 0);
  EXPECT_EQ(fill(limit, now), 0);
}

}  // namespace
}  // namespace trivet::worker
