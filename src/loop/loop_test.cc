#include "loop/loop.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <numeric>
#include <thread>

#include "loop/scope.h"

namespace trivet::loop {
namespace {

struct Pipe {
  os::Fd read, write;
  Pipe() {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0) std::abort();
    read = os::Fd{fds[0]};
    write = os::Fd{fds[1]};
  }
};

Task<> note_at(Loop& loop, Instant when, int number, std::vector<int>& order) {
  co_await loop.sleep_until(when);
  order.push_back(number);
}

Task<> sleep_then_note(Loop& loop, Duration d, Instant& woke) {
  co_await loop.sleep(d);
  woke = loop.now();
}

TEST(Timers, go_off_in_the_order_of_their_times) {
  Loop loop;
  Scope scope{loop};
  std::vector<int> order;
  Instant start = loop.now();
  for (int i : {3, 1, 4, 0, 2}) scope.spawn(note_at(loop, start + i * 1ms, i, order));
  while (scope.size() > 0) loop.run_once();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST(Timers, of_a_clock_that_a_test_moves_go_off_without_sleeping) {
  FakeClock clock;
  Loop loop{clock};
  Scope scope{loop};
  Instant start = loop.now(), woke{};
  scope.spawn(sleep_then_note(loop, std::chrono::hours{24}, woke));
  loop.run_until_quiet();
  EXPECT_EQ(woke, Instant{});
  EXPECT_EQ(loop.next_timer(), start + std::chrono::hours{24});
  clock.advance(loop.next_timer() - start);
  loop.run_until_quiet();
  EXPECT_EQ(woke, start + std::chrono::hours{24});
  EXPECT_EQ(loop.next_timer(), kNever);
}

TEST(Timers, of_dropped_tasks_are_gone_and_the_others_keep_their_order) {
  Loop loop;
  std::vector<int> order;
  Instant past = loop.now() - 1s;
  std::vector<std::unique_ptr<Scope>> scopes;
  constexpr int kCount = 211;  // a prime: the steps below reach every number
  for (int i = 0; i < kCount; ++i) {
    int number = i * 59 % kCount;
    scopes.push_back(std::make_unique<Scope>(loop));
    scopes.back()->spawn(note_at(loop, past + number * 1us, number, order));
  }
  std::vector<int> expected;
  for (int i = 0; i < kCount; ++i)
    if (i % 3 == 0)
      scopes[static_cast<size_t>(i)].reset();
    else
      expected.push_back(i * 59 % kCount);
  std::sort(expected.begin(), expected.end());
  loop.run_once();
  EXPECT_EQ(order, expected);
}

TEST(Timers, never_go_off_early) {
  Loop loop;
  Scope scope{loop};
  Instant woke{};
  Instant start = loop.now();
  scope.spawn(sleep_then_note(loop, 1500us, woke));
  while (scope.size() > 0) loop.run_once();
  EXPECT_GE(woke - start, 1500us);
}

TEST(Timers, without_end_never_go_off) {
  Loop loop;
  Scope scope{loop};
  Instant woke{};
  scope.spawn(sleep_then_note(loop, Duration::max(), woke));
  loop.run_once(loop.now() + 1ms);
  EXPECT_EQ(scope.size(), 1u);
  EXPECT_EQ(woke, Instant{});
}

TEST(Timers, of_the_past_go_off_in_the_next_turn_and_not_at_once) {
  Loop loop;
  Scope scope{loop};
  std::vector<int> order;
  scope.spawn(note_at(loop, loop.now() - 1h, 1, order));
  EXPECT_TRUE(order.empty());
  loop.run_once();
  EXPECT_EQ(order.size(), 1u);
}

TEST(Loop, run_once_waits_at_most_until_it_is_told) {
  Loop loop;
  Instant until = loop.now() + 2ms;
  loop.run_once(until);
  EXPECT_GE(loop.now(), until);
  loop.run_once(loop.now() - 1s);  // returns although nothing is due
}

TEST(Post, from_another_thread_arrives_complete_and_in_order) {
  Loop loop;
  std::vector<int> got;
  std::thread poster([&] {
    for (int i = 0; i < 2000; ++i) loop.post([&got, i] { got.push_back(i); });
    loop.stop();
  });
  loop.run();
  poster.join();
  std::vector<int> expected(2000);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(got, expected);
}

TEST(Post, runs_on_the_thread_of_the_loop) {
  Loop loop;
  std::thread::id ran;
  std::thread poster([&] {
    loop.post([&ran] { ran = std::this_thread::get_id(); });
    loop.stop();
  });
  loop.run();
  poster.join();
  EXPECT_EQ(ran, std::this_thread::get_id());
}

TEST(Post, before_the_loop_runs_is_kept) {
  Loop loop;
  bool ran = false;
  loop.post([&ran] { ran = true; });
  EXPECT_FALSE(ran);
  loop.run_once();
  EXPECT_TRUE(ran);
}

TEST(Post, from_posted_work_is_run_too) {
  Loop loop;
  int depth = 0;
  std::function<void()> deeper = [&] {
    if (++depth == 5)
      loop.stop();
    else
      loop.post(deeper);
  };
  loop.post(deeper);
  loop.run();
  EXPECT_EQ(depth, 5);
}

TEST(Post, wakes_what_waits_for_an_event) {
  Loop loop;
  Scope scope{loop};
  Event event{loop};
  std::vector<int> order;
  auto wait = [](Event& e, std::vector<int>& out) -> Task<> {
    co_await e.wait();
    out.push_back(1);
  };
  scope.spawn(wait(event, order));
  std::thread poster([&] { loop.post([&event] { event.set(); }); });
  while (scope.size() > 0) loop.run_once();
  poster.join();
  EXPECT_EQ(order.size(), 1u);
}

TEST(Stop, ends_a_loop_that_waits_for_nothing) {
  Loop loop;
  std::thread stopper([&] { loop.stop(); });
  loop.run();
  stopper.join();
}

// Takes itself and its rival out at its first event.
struct Rival final : IoHandler {
  Loop* loop = nullptr;
  Rival* other = nullptr;
  int fd = -1, calls = 0;
  void on_io(uint32_t) override {
    ++calls;
    loop->remove(fd, *this);
    loop->remove(other->fd, *other);
  }
};

TEST(Handlers, removed_by_an_earlier_one_of_the_same_batch_are_not_called) {
  Loop loop;
  Pipe a, b;
  Rival first, second;
  first.loop = second.loop = &loop;
  first.other = &second;
  second.other = &first;
  first.fd = a.read.get();
  second.fd = b.read.get();
  loop.add(first.fd, EPOLLIN, first);
  loop.add(second.fd, EPOLLIN, second);
  ASSERT_EQ(write(a.write.get(), "x", 1), 1);
  ASSERT_EQ(write(b.write.get(), "x", 1), 1);
  loop.run_once();
  loop.run_once(loop.now());
  EXPECT_EQ(first.calls + second.calls, 1);
}

Task<> note_wait(Event& event, Instant deadline, int number, std::vector<int>& order) {
  bool in_time = co_await event.wait(deadline);
  order.push_back(in_time ? number : -number);
}

class EventTest : public ::testing::Test {
 protected:
  Loop loop;
  Event event{loop};
  std::vector<int> order;
  Scope scope{loop};
  void wait(int number, Instant deadline = kNever) {
    scope.spawn(note_wait(event, deadline, number, order));
  }
};

TEST_F(EventTest, set_wakes_all_in_the_order_they_came) {
  for (int i : {1, 2, 3}) wait(i);
  loop.run_once(loop.now());
  EXPECT_TRUE(order.empty());
  event.set();
  EXPECT_TRUE(order.empty()) << "woken inside set()";
  loop.run_once();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TEST_F(EventTest, that_is_set_makes_nobody_wait) {
  event.set();
  wait(1);
  wait(2, loop.now() - 1s);
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

TEST_F(EventTest, deadline_is_told_from_the_event) {
  wait(1, loop.now() + 1ms);
  while (scope.size() > 0) loop.run_once();
  EXPECT_EQ(order, (std::vector<int>{-1}));
  EXPECT_FALSE(event.is_set());
  event.set();  // nobody is left to be woken
  loop.run_once(loop.now());
  EXPECT_EQ(order.size(), 1u);
}

TEST_F(EventTest, set_before_the_deadline_counts_although_it_passes_before_the_task_goes_on) {
  Instant deadline = loop.now() + 1ms;
  wait(1, deadline);
  event.set();
  while (loop.now() < deadline) loop.refresh();
  loop.run_once();
  EXPECT_EQ(order, (std::vector<int>{1}));
}

TEST_F(EventTest, set_with_a_deadline_far_away_does_not_wait_for_it) {
  wait(1, loop.now() + 1h);
  event.set();
  loop.run_once();
  EXPECT_EQ(order, (std::vector<int>{1}));
}

TEST_F(EventTest, reset_makes_it_fresh) {
  event.set();
  event.reset();
  EXPECT_FALSE(event.is_set());
  wait(1);
  EXPECT_TRUE(order.empty());
  event.set();
  loop.run_once();
  EXPECT_EQ(order.size(), 1u);
}

TEST_F(EventTest, wake_one_wakes_the_first_and_sets_nothing) {
  wait(1);
  wait(2);
  EXPECT_TRUE(event.wake_one());
  loop.run_once();
  EXPECT_EQ(order, (std::vector<int>{1}));
  EXPECT_FALSE(event.is_set());
  EXPECT_TRUE(event.wake_one());
  EXPECT_FALSE(event.wake_one()) << "the second is on its way already";
  loop.run_once();
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

TEST_F(EventTest, a_dropped_task_is_not_woken) {
  wait(1, loop.now() + 1ms);
  wait(2);
  scope.cancel();
  EXPECT_FALSE(event.wake_one());
  event.set();
  loop.run_once(loop.now() + 2ms);
  EXPECT_TRUE(order.empty());
}

TEST_F(EventTest, a_task_dropped_after_it_was_woken_does_not_go_on) {
  wait(1);
  event.set();
  scope.cancel();
  loop.run_once(loop.now());
  EXPECT_TRUE(order.empty());
}

bool sigpipe_is_blocked() {
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  return sigismember(&mask, SIGPIPE) == 1;
}
void unblock_sigpipe() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}
int errno_of_a_write_that_nobody_reads() {
  Pipe pipe;
  pipe.read.reset();
  return write(pipe.write.get(), "x", 1) < 0 ? errno : 0;
}

// Each in a thread of its own: what a thread blocks stays blocked in it.
TEST(Sigpipe, is_an_error_of_write_in_the_thread_that_makes_a_loop) {
  int got = 0;
  std::thread maker([&got] {
    unblock_sigpipe();
    Loop loop;
    got = errno_of_a_write_that_nobody_reads();
  });
  maker.join();
  EXPECT_EQ(got, EPIPE);
}

TEST(Sigpipe, is_an_error_of_write_in_the_thread_that_runs_a_loop) {
  int got = 0;
  Loop loop;
  loop.post([&got] { got = errno_of_a_write_that_nobody_reads(); });
  loop.stop();
  std::thread runner([&loop] {
    unblock_sigpipe();
    loop.run();
  });
  runner.join();
  EXPECT_EQ(got, EPIPE);
}

TEST(Sigpipe, stays_as_it_was_in_other_threads) {
  bool here = false, in_maker = false;
  std::thread other([&] {
    unblock_sigpipe();
    std::thread maker([&in_maker] {
      Loop loop;
      in_maker = sigpipe_is_blocked();
    });
    maker.join();
    here = sigpipe_is_blocked();
  });
  other.join();
  EXPECT_TRUE(in_maker);
  EXPECT_FALSE(here);
}

}  // namespace
}  // namespace trivet::loop
