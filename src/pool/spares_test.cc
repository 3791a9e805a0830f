#include "pool/spares.h"

#include <gtest/gtest.h>

namespace trivet::pool {
namespace {

constexpr int64_t kMiB = 1 << 20;

TEST(SparesTest, one_is_kept_while_nothing_happens) {
  EXPECT_EQ(spares_wanted({0, 50ms, 50 * kMiB, 1000 * kMiB}), 1);
}

TEST(SparesTest, more_are_kept_when_workers_are_asked_for_faster_than_they_start) {
  EXPECT_EQ(spares_wanted({5, 50ms, kMiB, 1000 * kMiB}), 1);
  EXPECT_EQ(spares_wanted({20, 50ms, kMiB, 1000 * kMiB}), 3);
  EXPECT_EQ(spares_wanted({1000, 50ms, kMiB, 1000 * kMiB}), kSparesMost);
}

TEST(SparesTest, memory_is_the_limit) {
  EXPECT_EQ(spares_wanted({20, 50ms, 60 * kMiB, 128 * kMiB}), 2);
  EXPECT_EQ(spares_wanted({20, 50ms, 60 * kMiB, 32 * kMiB}), 0);
}

TEST(SparesTest, the_first_is_started_before_its_cost_is_known) {
  EXPECT_EQ(spares_wanted({0, {}, 0, 32 * kMiB}), 1);
}

TEST(SparesTest, a_steady_rate_is_found_and_forgotten) {
  ArrivalRate rate;
  Instant now{1h};
  EXPECT_EQ(rate.per_second(now), 0);
  for (int i = 0; i < 1000; ++i) rate.arrived(now += 100ms);
  EXPECT_NEAR(rate.per_second(now), 10, 1);
  EXPECT_NEAR(rate.per_second(now + kArrivalHalfLife), 5, 0.5);
  EXPECT_LT(rate.per_second(now + 20 * kArrivalHalfLife), 0.001);
}

}  // namespace
}  // namespace trivet::pool
