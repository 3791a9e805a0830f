#include "loop/scope.h"

#include <gtest/gtest.h>

#include <optional>

namespace trivet::loop {
namespace {

// Tells when the frame that holds it is gone.
struct Tally {
  explicit Tally(int& c) : count(c) {}
  ~Tally() { ++count; }
  int& count;
};

Task<> work(Event& event, int& begun, int& ended, int& gone) {
  Tally tally{gone};
  ++begun;
  co_await event.wait();
  ++ended;
}

Task<> at_once(int& ended) {
  ++ended;
  co_return;
}

Task<> join(Scope& scope, Instant deadline, std::optional<bool>& out) {
  out = co_await scope.join(deadline);
}

Task<> spawn_more(Scope& scope, Event& event, int depth, int& ended) {
  co_await event.wait();
  if (depth > 1) scope.spawn(spawn_more(scope, event, depth - 1, ended));
  ++ended;
}

class ScopeTest : public ::testing::Test {
 protected:
  Loop loop;
  Event event{loop};
  int begun = 0, ended = 0, gone = 0;
  std::optional<bool> joined;
  void spawn(Scope& scope) { scope.spawn(work(event, begun, ended, gone)); }
};

TEST_F(ScopeTest, a_task_runs_to_its_first_wait_at_once) {
  Scope scope{loop};
  spawn(scope);
  EXPECT_EQ(begun, 1);
  EXPECT_EQ(ended, 0);
  EXPECT_EQ(scope.size(), 1u);
}

TEST_F(ScopeTest, a_task_that_ended_is_gone_and_not_counted) {
  Scope scope{loop};
  scope.spawn(at_once(ended));
  EXPECT_EQ(ended, 1);
  EXPECT_EQ(scope.size(), 0u);
  spawn(scope);
  event.set();
  loop.run_once();
  EXPECT_EQ(scope.size(), 0u);
  EXPECT_EQ(gone, 1);
}

TEST_F(ScopeTest, cancel_drops_the_tasks_that_wait) {
  Scope scope{loop};
  for (int i = 0; i < 3; ++i) spawn(scope);
  scope.cancel();
  EXPECT_EQ(scope.size(), 0u);
  EXPECT_EQ(gone, 3);
  event.set();
  loop.run_once(loop.now());
  EXPECT_EQ(ended, 0);
}

TEST_F(ScopeTest, its_end_cancels) {
  {
    Scope scope{loop};
    spawn(scope);
    spawn(scope);
  }
  EXPECT_EQ(gone, 2);
  event.set();
  loop.run_once(loop.now());
  EXPECT_EQ(ended, 0);
}

TEST_F(ScopeTest, takes_new_tasks_after_cancel) {
  Scope scope{loop};
  spawn(scope);
  scope.cancel();
  spawn(scope);
  EXPECT_EQ(scope.size(), 1u);
  event.set();
  loop.run_once();
  EXPECT_EQ(ended, 1);
}

TEST_F(ScopeTest, join_of_none_does_not_wait) {
  Scope scope{loop}, joiner{loop};
  joiner.spawn(join(scope, kNever, joined));
  EXPECT_EQ(joined, true);
}

TEST_F(ScopeTest, join_waits_for_the_last) {
  Scope scope{loop}, joiner{loop};
  Event later{loop};
  spawn(scope);
  scope.spawn(work(later, begun, ended, gone));
  joiner.spawn(join(scope, kNever, joined));
  event.set();
  loop.run_once();
  loop.run_once(loop.now());
  EXPECT_EQ(ended, 1);
  EXPECT_FALSE(joined.has_value());
  later.set();
  while (!joined) loop.run_once();
  EXPECT_EQ(joined, true);
  EXPECT_EQ(gone, 2) << "joined before the last was gone";
}

TEST_F(ScopeTest, join_ends_at_its_deadline_and_leaves_the_tasks_alone) {
  Scope scope{loop}, joiner{loop};
  spawn(scope);
  joiner.spawn(join(scope, loop.now() + 1ms, joined));
  while (!joined) loop.run_once();
  EXPECT_EQ(joined, false);
  EXPECT_EQ(scope.size(), 1u);
  EXPECT_EQ(gone, 0);
}

TEST_F(ScopeTest, join_waits_again_for_tasks_that_came_later) {
  Scope scope{loop}, joiner{loop};
  scope.spawn(at_once(ended));
  spawn(scope);
  joiner.spawn(join(scope, kNever, joined));
  loop.run_once(loop.now());
  EXPECT_FALSE(joined.has_value());
  event.set();
  while (!joined) loop.run_once();
  EXPECT_EQ(joined, true);
}

TEST_F(ScopeTest, cancel_ends_a_join) {
  Scope scope{loop}, joiner{loop};
  spawn(scope);
  joiner.spawn(join(scope, kNever, joined));
  scope.cancel();
  loop.run_once();
  EXPECT_EQ(joined, true);
}

TEST_F(ScopeTest, a_task_may_spawn_into_its_own_scope) {
  Scope scope{loop};
  scope.spawn(spawn_more(scope, event, 3, ended));
  event.set();
  loop.run_once();
  EXPECT_EQ(ended, 3);
  EXPECT_EQ(scope.size(), 0u);
}

}  // namespace
}  // namespace trivet::loop
