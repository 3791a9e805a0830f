#include "loop/task.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "loop/scope.h"

namespace trivet::loop {
namespace {

// Counts how many of it are alive.
struct Witness {
  explicit Witness(int& alive) : alive_(&alive) { ++*alive_; }
  Witness(Witness&& other) noexcept : alive_(std::exchange(other.alive_, nullptr)) {}
  ~Witness() {
    if (alive_) --*alive_;
  }
  int* alive_;
};

Task<int> number(int n, bool& started) {
  started = true;
  co_return n;
}

Task<std::unique_ptr<std::string>> boxed(std::string text) {
  co_return std::make_unique<std::string>(std::move(text));
}

Task<int> sum(int n) {
  int total = 0;
  bool started = false;
  for (int i = 1; i <= n; ++i) total += co_await number(i, started);
  co_return total;
}

template <class T>
Task<> keep(Task<T> task, std::optional<T>& out) {
  out.emplace(co_await std::move(task));
}

Task<> wait_holding(Event& event, Witness witness, bool& went_on) {
  co_await event.wait();
  went_on = true;
  static_cast<void>(witness);
}

Task<> wait_inside(Event& event, int& alive, bool& went_on) {
  Witness mine{alive};
  co_await wait_holding(event, Witness{alive}, went_on);
}

TEST(Task, starts_when_it_is_awaited_and_not_before) {
  Loop loop;
  Scope scope{loop};
  bool started = false;
  std::optional<int> got;
  auto task = number(7, started);
  EXPECT_FALSE(started);
  scope.spawn(keep(std::move(task), got));
  EXPECT_TRUE(started);
  EXPECT_EQ(got, 7);
}

TEST(Task, gives_values_that_can_only_be_moved) {
  Loop loop;
  Scope scope{loop};
  std::optional<std::unique_ptr<std::string>> got;
  scope.spawn(keep(boxed("hello"), got));
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(**got, "hello");
}

TEST(Task, awaits_others_one_after_the_other) {
  Loop loop;
  Scope scope{loop};
  std::optional<int> got;
  scope.spawn(keep(sum(100), got));
  EXPECT_EQ(got, 5050);
}

TEST(Task, goes_on_after_what_it_awaits_has_waited) {
  Loop loop;
  Scope scope{loop};
  Event event{loop};
  int alive = 0;
  bool went_on = false;
  scope.spawn(wait_inside(event, alive, went_on));
  EXPECT_FALSE(went_on);
  EXPECT_EQ(alive, 2);
  event.set();
  loop.run_once();
  EXPECT_TRUE(went_on);
  EXPECT_EQ(alive, 0);
}

TEST(Task, that_is_never_awaited_frees_its_parameters) {
  Loop loop;
  Event event{loop};
  int alive = 0;
  bool went_on = false;
  {
    auto task = wait_holding(event, Witness{alive}, went_on);
    EXPECT_EQ(alive, 1);
  }
  EXPECT_EQ(alive, 0);
  EXPECT_FALSE(went_on);
}

TEST(Task, dropped_while_it_waits_takes_everything_that_it_awaits_along) {
  Loop loop;
  Event event{loop};
  int alive = 0;
  bool went_on = false;
  {
    Scope scope{loop};
    scope.spawn(wait_inside(event, alive, went_on));
    EXPECT_EQ(alive, 2);
  }
  EXPECT_EQ(alive, 0);
  event.set();
  loop.run_once(loop.now());
  EXPECT_FALSE(went_on);
}

TEST(Task, is_empty_until_made_and_after_being_moved_from) {
  bool started = false;
  Task<int> empty;
  EXPECT_FALSE(static_cast<bool>(empty));
  Task<int> task = number(1, started);
  EXPECT_TRUE(static_cast<bool>(task));
  Task<int> taken = std::move(task);
  EXPECT_TRUE(static_cast<bool>(taken));
  EXPECT_FALSE(static_cast<bool>(task));  // NOLINT: what it is after the move is the point
}

TEST(Task, assignment_drops_the_one_it_held) {
  Loop loop;
  Event event{loop};
  int first = 0, second = 0;
  bool went_on = false;
  Task<> task = wait_holding(event, Witness{first}, went_on);
  task = wait_holding(event, Witness{second}, went_on);
  EXPECT_EQ(first, 0);
  EXPECT_EQ(second, 1);
  Task<>& same = task;
  task = std::move(same);
  EXPECT_EQ(second, 1) << "assigned to itself";
}

}  // namespace
}  // namespace trivet::loop
