#include "pool/breaker.h"

#include <gtest/gtest.h>

namespace trivet::pool {
namespace {

using State = Breaker::State;
using Entry = Breaker::Entry;

constexpr catalog::Breaker kUsual{5, 10s, 5s};
constexpr Instant kStart{std::chrono::hours{100}};

bool fails(Breaker& breaker, int times, Instant now) {
  bool opened = false;
  for (int i = 0; i < times; ++i) opened = breaker.failed(now);
  return opened;
}

TEST(Breaker, opens_at_the_last_of_so_many_failures_and_refuses) {
  Breaker breaker{kUsual};
  EXPECT_FALSE(fails(breaker, 4, kStart));
  EXPECT_EQ(breaker.enter(kStart), Entry::kGo);
  EXPECT_TRUE(breaker.failed(kStart));
  EXPECT_EQ(breaker.state(kStart), State::kOpen);
  EXPECT_EQ(breaker.enter(kStart + 4999ms), Entry::kRefused);
  EXPECT_EQ(breaker.cooling(kStart + 2s), Duration{3s});
  EXPECT_EQ(breaker.opened(), 1);
}

TEST(Breaker, forgets_failures_older_than_the_window) {
  Breaker breaker{kUsual};
  fails(breaker, 4, kStart);
  EXPECT_FALSE(breaker.failed(kStart + 10s));
  EXPECT_EQ(breaker.state(kStart + 10s), State::kClosed);
  fails(breaker, 3, kStart + 18s);
  EXPECT_TRUE(breaker.failed(kStart + 18s));
}

TEST(Breaker, stays_closed_while_more_calls_succeed) {
  Breaker breaker{kUsual};
  for (int i = 0; i < 11; ++i) breaker.succeeded(kStart);
  EXPECT_FALSE(fails(breaker, 10, kStart));
  EXPECT_TRUE(breaker.failed(kStart));
}

TEST(Breaker, lets_one_call_try_after_the_cooldown) {
  Breaker breaker{kUsual};
  fails(breaker, 5, kStart);
  Instant later = kStart + 5s;
  EXPECT_EQ(breaker.state(later), State::kHalfOpen);
  EXPECT_EQ(breaker.enter(later), Entry::kTrial);
  EXPECT_EQ(breaker.enter(later), Entry::kRefused);
  breaker.abandoned();
  EXPECT_EQ(breaker.enter(later), Entry::kTrial);
}

TEST(Breaker, closes_when_the_trial_succeeds_and_counts_from_zero) {
  Breaker breaker{kUsual};
  fails(breaker, 5, kStart);
  ASSERT_EQ(breaker.enter(kStart + 5s), Entry::kTrial);
  breaker.succeeded(kStart + 5s);
  EXPECT_EQ(breaker.state(kStart + 5s), State::kClosed);
  EXPECT_FALSE(fails(breaker, 4, kStart + 5s));
  EXPECT_EQ(breaker.enter(kStart + 5s), Entry::kGo);
}

TEST(Breaker, opens_again_when_the_trial_fails) {
  Breaker breaker{kUsual};
  fails(breaker, 5, kStart);
  ASSERT_EQ(breaker.enter(kStart + 6s), Entry::kTrial);
  EXPECT_TRUE(breaker.failed(kStart + 6s));
  EXPECT_EQ(breaker.enter(kStart + 10s), Entry::kRefused);
  EXPECT_EQ(breaker.enter(kStart + 11s), Entry::kTrial);
  EXPECT_EQ(breaker.opened(), 2);
}

TEST(Breaker, what_began_before_it_opened_changes_nothing) {
  Breaker breaker{kUsual};
  fails(breaker, 5, kStart);
  breaker.succeeded(kStart + 1s);
  EXPECT_FALSE(breaker.failed(kStart + 2s));
  EXPECT_EQ(breaker.state(kStart + 2s), State::kOpen);
  EXPECT_EQ(breaker.cooling(kStart + 2s), Duration{3s});
}

TEST(Breaker, with_zero_failures_never_opens) {
  Breaker breaker{{0, 10s, 5s}};
  EXPECT_FALSE(fails(breaker, 1000, kStart));
  EXPECT_EQ(breaker.enter(kStart), Entry::kGo);
}

TEST(Breaker, states_have_names) {
  EXPECT_EQ(name(State::kClosed), "closed");
  EXPECT_EQ(name(State::kOpen), "open");
  EXPECT_EQ(name(State::kHalfOpen), "half_open");
}

}  // namespace
}  // namespace trivet::pool
