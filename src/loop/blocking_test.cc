#include "loop/blocking.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>

#include "loop/scope.h"

namespace trivet::loop {
namespace {

template <class T>
Task<> keep(Task<T> task, std::optional<T>& out) {
  out.emplace(co_await std::move(task));
}

// Opens once; a test that is broken does not hang in it.
class Gate {
 public:
  void open() { opened_.set_value(); }
  bool wait() const { return future_.wait_for(20s) == std::future_status::ready; }

 private:
  std::promise<void> opened_;
  std::shared_future<void> future_{opened_.get_future().share()};
};

TEST(BlockingPool, runs_elsewhere_and_goes_on_on_the_loop) {
  Loop loop;
  BlockingPool pool{2};
  std::optional<std::thread::id> ran;
  std::thread::id went_on;
  auto watch = [](Task<std::thread::id> task, std::optional<std::thread::id>& out,
                  std::thread::id& after) -> Task<> {
    out = co_await std::move(task);
    after = std::this_thread::get_id();
  };
  Scope scope{loop};
  auto where = [] { return std::this_thread::get_id(); };
  scope.spawn(watch(pool.run(loop, where), ran, went_on));
  while (!ran) loop.run_once();
  EXPECT_NE(*ran, std::this_thread::get_id());
  EXPECT_EQ(went_on, std::this_thread::get_id());
}

TEST(BlockingPool, gives_every_caller_its_own_value) {
  Loop loop;
  BlockingPool pool{3};
  Scope scope{loop};
  std::vector<std::optional<std::unique_ptr<int>>> got(50);
  for (int i = 0; i < 50; ++i) {
    auto box = [i] { return std::make_unique<int>(i); };
    scope.spawn(keep(pool.run(loop, box), got[static_cast<size_t>(i)]));
  }
  while (scope.size() > 0) loop.run_once();
  for (int i = 0; i < 50; ++i) EXPECT_EQ(**got[static_cast<size_t>(i)], i);
}

TEST(BlockingPool, two_threads_run_two_jobs_side_by_side) {
  Loop loop;
  Gate first, second;
  BlockingPool pool{2};
  Scope scope{loop};
  std::optional<bool> a, b;
  auto meet = [](Gate& mine, Gate& other) {
    mine.open();
    return other.wait();
  };
  auto one = [&] { return meet(first, second); };
  auto two = [&] { return meet(second, first); };
  scope.spawn(keep(pool.run(loop, one), a));
  scope.spawn(keep(pool.run(loop, two), b));
  while (scope.size() > 0) loop.run_once();
  EXPECT_EQ(a, true);
  EXPECT_EQ(b, true);
}

TEST(BlockingPool, never_runs_more_at_once_than_it_has_threads) {
  Loop loop;
  std::atomic<int> running = 0, most = 0;
  BlockingPool pool{2};
  Scope scope{loop};
  auto job = [&] {
    int now = ++running;
    int seen = most;
    while (now > seen && !most.compare_exchange_weak(seen, now)) {
    }
    std::this_thread::yield();
    return running--;
  };
  std::vector<std::optional<int>> got(100);
  for (auto& out : got) scope.spawn(keep(pool.run(loop, job), out));
  while (scope.size() > 0) loop.run_once();
  EXPECT_GE(most, 1);
  EXPECT_LE(most, 2);
}

TEST(BlockingPool, one_thread_keeps_the_order) {
  Loop loop;
  BlockingPool pool{1};
  Scope scope{loop};
  std::vector<int> order;  // written by the one thread, read after all have ended
  std::vector<std::optional<bool>> got(20);
  for (int i = 0; i < 20; ++i) {
    auto note = [&order, i] {
      order.push_back(i);
      return true;
    };
    scope.spawn(keep(pool.run(loop, note), got[static_cast<size_t>(i)]));
  }
  while (scope.size() > 0) loop.run_once();
  EXPECT_EQ(order.size(), 20u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(BlockingPool, a_dropped_caller_leaves_the_job_to_finish) {
  Loop loop;
  Gate gate;
  std::atomic<bool> finished = false;
  std::optional<bool> got;
  {
    BlockingPool pool{1};
    Gate begun;
    Scope scope{loop};
    auto job = [&] {
      begun.open();
      finished = gate.wait();
      return true;
    };
    scope.spawn(keep(pool.run(loop, job), got));
    ASSERT_TRUE(begun.wait());
    scope.cancel();
    gate.open();
  }
  EXPECT_TRUE(finished) << "the pool's end did not wait for what ran";
  loop.run_once(loop.now());
  EXPECT_FALSE(got.has_value());
}

TEST(BlockingPool, its_end_throws_away_what_has_not_begun) {
  Loop loop;
  Gate begun, gate;
  std::atomic<bool> second_ran = false, first_ended = false;
  std::optional<bool> a, b;
  {
    BlockingPool pool{1};
    Scope scope{loop};
    auto first = [&] {
      begun.open();
      first_ended = gate.wait();
      return true;
    };
    scope.spawn(keep(pool.run(loop, first), a));
    ASSERT_TRUE(begun.wait());
    // Opens the gate when it is thrown away: the pool can end only if it does that before it waits.
    std::shared_ptr<void> token{nullptr, [&gate](void*) { gate.open(); }};
    auto second = [&second_ran, held = std::move(token)] {
      second_ran = true;
      return static_cast<bool>(held);
    };
    scope.spawn(keep(pool.run(loop, std::move(second)), b));
    scope.cancel();
  }
  EXPECT_TRUE(first_ended);
  EXPECT_FALSE(second_ran);
}

}  // namespace
}  // namespace trivet::loop
