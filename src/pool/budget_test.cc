#include "pool/budget.h"

#include <gtest/gtest.h>

namespace trivet::pool {
namespace {

constexpr Instant kNow{std::chrono::hours{100}};
constexpr size_t kEach = 64 * limits::kMiB;

struct FakeUser final : BudgetUser {
  explicit FakeUser(Budget& budget, size_t memory = kEach) : account(budget, *this, memory) {}
  Instant idle_since() const override { return idle; }
  void end_idle() override {
    ++ended;
    idle = kNever;
  }
  void on_room() override { ++told; }
  Instant idle = kNever;
  int ended = 0, told = 0;
  Budget::Account account;
};

TEST(Budget, gives_what_there_is_and_takes_it_back) {
  Budget budget{{3, 0, 2}};
  {
    FakeUser user{budget};
    EXPECT_EQ(user.account.take(5, 5, kNow), 3);
    EXPECT_TRUE(user.account.wants());
    EXPECT_EQ(budget.workers(), 3);
    user.account.give_back();
    EXPECT_EQ(user.told, 1);
    EXPECT_EQ(user.account.take(1, 1, kNow), 1);
    EXPECT_FALSE(budget.scarce());
  }
  EXPECT_EQ(budget.workers(), 0);
  EXPECT_EQ(budget.memory(), 0u);
}

TEST(Budget, memory_is_a_limit_too_but_one_worker_always_may) {
  Budget budget{{100, 2 * kEach, 2}};
  FakeUser small{budget}, large{budget, 10 * kEach};
  EXPECT_EQ(large.account.take(2, 2, kNow), 1);
  EXPECT_EQ(small.account.take(1, 1, kNow), 0);
  large.account.give_back();
  large.account.take(0, 0, kNow);
  EXPECT_EQ(small.account.take(3, 3, kNow), 2);
}

TEST(Budget, an_idle_worker_of_another_ends_for_calls_that_wait_and_not_to_be_ready) {
  Budget budget{{1, 0, 2}};
  FakeUser has{budget}, wants{budget};
  ASSERT_EQ(has.account.take(1, 1, kNow), 1);
  has.idle = kNow - 1s;
  EXPECT_EQ(wants.account.take(1, 0, kNow), 0);
  EXPECT_EQ(has.ended, 0);
  EXPECT_EQ(wants.account.take(1, 1, kNow), 0);
  EXPECT_EQ(has.ended, 1);
  has.account.give_back();
  EXPECT_EQ(wants.told, 1);
  EXPECT_EQ(has.account.take(1, 0, kNow), 0);  // it is not for one who only wants to be ready
  EXPECT_EQ(wants.account.take(1, 1, kNow), 1);
  EXPECT_EQ(budget.refused(), 1);
}

TEST(Budget, as_many_yield_as_are_wanted) {
  Budget budget{{4, 0, 2}};
  FakeUser has{budget}, wants{budget};
  ASSERT_EQ(has.account.take(4, 4, kNow), 4);
  ASSERT_EQ(wants.account.take(1, 1, kNow), 0);
  EXPECT_TRUE(has.account.must_yield(kNow));
  EXPECT_FALSE(has.account.must_yield(kNow));
  EXPECT_FALSE(wants.account.must_yield(kNow));
}

TEST(Budget, who_yields_waits_behind_those_who_have_waited_less) {
  Budget budget{{1, 0, 2}};
  FakeUser has{budget}, other{budget};
  ASSERT_EQ(has.account.take(2, 2, kNow), 1);  // it wants another since now
  ASSERT_EQ(other.account.take(1, 1, kNow + 1ms), 0);
  Instant later = kNow + 1ms + limits::kBudgetTurn;
  EXPECT_TRUE(has.account.must_yield(later));
  has.account.give_back();
  EXPECT_EQ(has.account.take(2, 2, later), 0);
  EXPECT_EQ(other.account.take(1, 1, later), 1);
}

TEST(Budget, who_no_longer_wants_leaves_its_turn_to_the_next) {
  Budget budget{{1, 0, 2}};
  FakeUser has{budget}, first{budget}, second{budget};
  ASSERT_EQ(has.account.take(1, 1, kNow), 1);
  first.account.take(1, 1, kNow);
  second.account.take(1, 1, kNow + 1ms);
  has.account.give_back();
  EXPECT_EQ(first.told, 1);
  EXPECT_EQ(second.account.take(1, 1, kNow), 0);
  EXPECT_EQ(first.account.take(0, 0, kNow), 0);
  EXPECT_EQ(second.told, 1);
  EXPECT_EQ(second.account.take(1, 1, kNow), 1);
}

}  // namespace
}  // namespace trivet::pool
