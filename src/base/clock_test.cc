#include "base/clock.h"

#include <gtest/gtest.h>

namespace trivet {
namespace {

TEST(After, adds_a_timeout_to_a_time) {
  Instant start{5s};
  EXPECT_EQ(after(start, 3s), Instant{8s});
  EXPECT_EQ(after(start, 0s), start);
}

TEST(After, no_timeout_is_never) {
  EXPECT_EQ(after(Instant{}, Duration::max()), kNever);
  EXPECT_EQ(after(Instant{5s}, Duration::max()), kNever);
  EXPECT_EQ(after(kNever, 1ns), kNever);
  EXPECT_EQ(after(kNever, Duration::zero()), kNever);
}

TEST(After, the_last_moment_before_never_is_a_time) {
  Instant start{5s};
  EXPECT_EQ(after(start, kNever - start - 1ns), kNever - 1ns);
  EXPECT_EQ(after(start, kNever - start), kNever);
  EXPECT_EQ(after(start, kNever - start + 1ns), kNever);
}

TEST(FakeClock, stands_still_until_told) {
  FakeClock clock;
  Instant start = clock.now();
  int64_t stamp = clock.unix_ms();
  EXPECT_EQ(clock.now(), start);
  clock.advance(1500us);
  EXPECT_EQ(clock.now() - start, 1500us);
  EXPECT_EQ(clock.unix_ms() - stamp, 1);
}

TEST(RealClock, is_monotonic_and_stamps_in_unix_milliseconds) {
  RealClock clock;
  Instant start = clock.now();
  EXPECT_GE(clock.now(), start);
  EXPECT_GT(clock.unix_ms(), 1'600'000'000'000);  // 2020
  EXPECT_LT(clock.unix_ms(), 9'999'999'999'999);  // 2286
}

TEST(ToMs, keeps_fractions) {
  EXPECT_DOUBLE_EQ(to_ms(1500us), 1.5);
  EXPECT_DOUBLE_EQ(to_ms(2s), 2000);
  EXPECT_DOUBLE_EQ(to_ms(250ns), 0.00025);
}

}  // namespace
}  // namespace trivet
