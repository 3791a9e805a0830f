#include "pool/policy.h"

#include <gtest/gtest.h>

namespace trivet::pool {
namespace {

catalog::Scale scale(int min, int max, int overflow) {
  catalog::Scale s;
  s.min = min;
  s.max = max;
  s.overflow = overflow;
  return s;
}

TEST(Policy, starts_as_many_workers_as_calls_wait_for) {
  EXPECT_EQ(workers_to_start(scale(0, 8, 0), {.waiting = 3}), 3);
  EXPECT_EQ(workers_to_start(scale(0, 8, 0), {.starting = 2, .waiting = 3}), 1);
  EXPECT_EQ(workers_to_start(scale(0, 8, 0), {.waiting = 10, .slots_each = 4}), 3);
  EXPECT_EQ(workers_to_start(scale(0, 8, 0), {}), 0);
}

TEST(Policy, never_goes_above_max_and_overflow) {
  EXPECT_EQ(workers_to_start(scale(0, 2, 1), {.waiting = 100}), 3);
  EXPECT_EQ(workers_to_start(scale(0, 2, 1), {.workers = 3, .waiting = 100}), 0);
}

TEST(Policy, keeps_the_minimum_unless_held_back) {
  EXPECT_EQ(workers_to_start(scale(2, 8, 0), {}), 2);
  EXPECT_EQ(workers_to_start(scale(2, 8, 0), {.held_back = true}), 0);
}

TEST(Policy, places_to_wait_are_the_queue_and_what_may_still_serve) {
  catalog::Scale s = scale(0, 2, 1);
  s.queue = 0;
  EXPECT_EQ(places_to_wait(s, {}), 3);
  EXPECT_EQ(places_to_wait(s, {.workers = 3}), 0);
  EXPECT_EQ(places_to_wait(s, {.workers = 3, .free_slots = 1}), 1);
  s.queue = 100;
  EXPECT_EQ(places_to_wait(s, {.workers = 1, .slots_each = 4}), 108);
}

TEST(Policy, a_short_call_waits_for_a_busy_worker_once_the_cpus_are_busy) {
  Demand demand{.busy = 1, .cpus = 2, .run = 40us, .since_moved = 40us};
  EXPECT_TRUE(should_wait(demand));
  demand.cpus = 16;  // others are idle
  EXPECT_FALSE(should_wait(demand));
}

TEST(Policy, a_call_does_not_wait_for_what_is_slow_stuck_or_unknown) {
  const Demand good{.busy = 1, .cpus = 2, .run = 40us, .since_moved = 40us};
  ASSERT_TRUE(should_wait(good));
  Demand slow = good, stuck = good, unknown = good, none = good;
  slow.run = 2ms;
  stuck.since_moved = 2ms;
  unknown.run = {};
  none.busy = 0;
  for (const Demand& demand : {slow, stuck, unknown, none}) EXPECT_FALSE(should_wait(demand));
}

TEST(Policy, backoff_doubles_up_to_its_maximum_and_dice_only_shorten_it) {
  catalog::Restart restart;
  EXPECT_EQ(backoff(restart, 1, 0), 100ms);
  EXPECT_EQ(backoff(restart, 3, 0), 400ms);
  EXPECT_EQ(backoff(restart, 40, 0), 30s);
  EXPECT_LT(backoff(restart, 3, 0.99), 400ms);
  EXPECT_GT(backoff(restart, 3, 0.99), 299ms);
}

TEST(Policy, an_idle_worker_meets_its_fate) {
  catalog::Restart restart;
  catalog::Scale s = scale(1, 2, 1);
  s.idle = 1s;
  EXPECT_EQ(fate(s, restart, {.workers = 2}, {.idle = 2s}), Fate::kIdle);
  EXPECT_EQ(fate(s, restart, {.workers = 1}, {.idle = 2s}), Fate::kKeep);
  EXPECT_EQ(fate(s, restart, {.workers = 3}, {.idle = kSurplusIdle}), Fate::kSurplus);
  EXPECT_EQ(fate(s, restart, {.workers = 3}, {}), Fate::kKeep);
  EXPECT_EQ(fate(s, restart, {.workers = 3, .waiting = 1}, {.idle = kSurplusIdle}), Fate::kKeep);
  restart.max_calls = 5;
  EXPECT_EQ(fate(s, restart, {.workers = 1}, {.calls = 5}), Fate::kRecycle);
}

}  // namespace
}  // namespace trivet::pool
