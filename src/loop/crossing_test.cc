#include "loop/crossing.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

namespace trivet::loop {
namespace {

// A loop with a thread of its own, as each shard has.
class There {
 public:
  There() : thread_([this] { loop_.run(); }) {}
  ~There() {
    loop_.post([this] { scope_.cancel(); });
    loop_.post([this] { loop_.stop(); });
    thread_.join();
  }
  Loop& loop() { return loop_; }
  Scope& scope() { return scope_; }
  std::thread::id id() const { return thread_.get_id(); }

 private:
  Loop loop_;
  Scope scope_{loop_};
  std::thread thread_;
};

template <class T>
Task<> keep(Task<T> task, std::optional<T>& out) {
  out.emplace(co_await std::move(task));
}

struct Count {
  explicit Count(std::atomic<int>& count) : count_(count) { ++count_; }
  ~Count() { --count_; }
  std::atomic<int>& count_;
};

TEST(Crossing, runs_there_and_comes_back_here) {
  Loop here;
  There there;
  Scope scope{here};
  auto work = [](Loop& loop) -> Task<std::thread::id> {
    co_await loop.sleep(1ms);
    co_return std::this_thread::get_id();
  };
  std::optional<std::thread::id> ran;
  auto make = [&] { return work(there.loop()); };
  scope.spawn(keep(run_on<std::thread::id>(here, there.loop(), there.scope(), make), ran));
  while (!ran) here.run_once();
  EXPECT_EQ(*ran, there.id());
}

TEST(Crossing, values_that_cannot_be_copied_go_both_ways) {
  Loop here;
  There there;
  Scope scope{here};
  using Box = std::unique_ptr<std::string>;
  auto twice = [](Box box) -> Task<Box> { co_return std::make_unique<std::string>(*box + *box); };
  std::vector<std::optional<Box>> got(100);
  for (size_t i = 0; i < got.size(); ++i) {
    auto make = [&twice, box = std::make_unique<std::string>(std::to_string(i))]() mutable {
      return twice(std::move(box));
    };
    scope.spawn(keep(run_on<Box>(here, there.loop(), there.scope(), std::move(make)), got[i]));
  }
  while (scope.size() > 0) here.run_once();
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_EQ(**got[i], std::to_string(i) + std::to_string(i));
}

TEST(Crossing, dropping_the_waiter_drops_the_task_there) {
  Loop here;
  There there;
  std::atomic<int> running{0}, begun{0};
  auto work = [&](Loop& loop) -> Task<int> {
    Count count{running};
    ++begun;
    co_await loop.sleep(1h);
    co_return 1;
  };
  {
    Scope scope{here};
    std::optional<int> never;
    auto make = [&] { return work(there.loop()); };
    scope.spawn(keep(run_on<int>(here, there.loop(), there.scope(), make), never));
    while (begun == 0) here.run_once(after(here.now(), 1ms));
  }
  for (int i = 0; i < 10'000 && running > 0; ++i) here.run_once(after(here.now(), 1ms));
  EXPECT_EQ(running, 0);
}

TEST(Crossing, one_that_is_dropped_at_once_may_never_begin_and_leaves_nothing) {
  Loop here;
  There there;
  std::atomic<int> running{0};
  auto work = [&running](Loop& loop) -> Task<int> {
    Count count{running};
    co_await loop.sleep(1h);
    co_return 1;
  };
  for (int i = 0; i < 100; ++i) {
    Scope scope{here};
    std::optional<int> never;
    auto make = [&] { return work(there.loop()); };
    scope.spawn(keep(run_on<int>(here, there.loop(), there.scope(), make), never));
  }
  std::atomic<bool> settled{false};
  there.loop().post([&settled] { settled = true; });
  while (!settled || running > 0) here.run_once(after(here.now(), 1ms));
  EXPECT_EQ(running, 0);
}

}  // namespace
}  // namespace trivet::loop
