#include "pool/sharing.h"

#include <gtest/gtest.h>

namespace trivet::pool {
namespace {

using Stakes = std::vector<Stake>;
constexpr Instant kNow{std::chrono::hours{100}};

Stake wanting(int workers, Duration since = 10ms) { return {workers, 1, kNow - since, kNever}; }
Stake idle(int workers, Duration since) { return {workers, 0, kNever, kNow - since}; }
Stake busy(int workers) { return {workers, 0, kNever, kNever}; }

TEST(Sharing, room_is_left_to_those_who_want_it_and_have_fewer) {
  EXPECT_TRUE(may_start({busy(5), busy(0)}, 0));
  EXPECT_TRUE(may_start({busy(5), wanting(6)}, 0));
  EXPECT_FALSE(may_start({busy(5), wanting(5)}, 0));
  EXPECT_TRUE(may_start({wanting(5, 20ms), wanting(5, 10ms)}, 0));
  EXPECT_FALSE(may_start({wanting(5, 10ms), wanting(5, 20ms)}, 0));
  EXPECT_FALSE(may_start({busy(5), wanting(4)}, 0));
  EXPECT_TRUE(may_start({wanting(4), busy(1)}, 0));
}

TEST(Sharing, next_is_who_has_the_fewest_then_who_waits_longest) {
  EXPECT_EQ(next_to_start({busy(0), busy(1)}), std::nullopt);
  EXPECT_EQ(next_to_start({busy(0), wanting(3), wanting(1), wanting(2)}), 2u);
  EXPECT_EQ(next_to_start({wanting(1, 1ms), wanting(1, 5ms), wanting(1, 2ms)}), 1u);
}

TEST(Sharing, the_worker_idle_longest_ends_and_never_ones_own) {
  EXPECT_EQ(whose_idle_ends({wanting(1), idle(2, 1s), idle(2, 3s), busy(9)}, 0, kNow), 2u);
  Stake own = wanting(1);
  own.idle_since = kNow - 1h;
  EXPECT_EQ(whose_idle_ends({own, busy(3)}, 0, kNow), std::nullopt);
}

TEST(Sharing, a_worker_idle_for_a_moment_ends_only_for_who_has_none) {
  EXPECT_EQ(whose_idle_ends({wanting(1), idle(2, 99ms)}, 0, kNow), std::nullopt);
  EXPECT_EQ(whose_idle_ends({wanting(1), idle(2, kIdleEnough)}, 0, kNow), 1u);
  EXPECT_EQ(whose_idle_ends({wanting(0), idle(2, 0ms)}, 0, kNow), 1u);
}

TEST(Sharing, who_has_two_more_yields_so_that_nobody_swaps_for_ever) {
  EXPECT_TRUE(must_yield({busy(4), wanting(2)}, 0, kNow));
  EXPECT_FALSE(must_yield({busy(3), wanting(2)}, 0, kNow));
  EXPECT_FALSE(must_yield({busy(4), busy(2)}, 0, kNow));
}

TEST(Sharing, who_has_none_is_given_one_after_a_turn) {
  EXPECT_FALSE(must_yield({busy(1), wanting(0, limits::kBudgetTurn - 1ms)}, 0, kNow));
  EXPECT_TRUE(must_yield({busy(1), wanting(0, limits::kBudgetTurn)}, 0, kNow));
  EXPECT_FALSE(must_yield({busy(2), wanting(1, 1h)}, 0, kNow));
}

}  // namespace
}  // namespace trivet::pool
