#include "loop/watch.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>

#include "loop/scope.h"

namespace trivet::loop {
namespace {

class WatchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    int fds[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    mine = os::Fd{fds[0]};
    peer = os::Fd{fds[1]};
  }
  static Task<> await_readable(Watch& watch, Instant deadline, std::optional<bool>& out) {
    out = co_await watch.readable(deadline);
  }
  static Task<> await_writable(Watch& watch, Instant deadline, std::optional<bool>& out) {
    out = co_await watch.writable(deadline);
  }
  void read_all() {
    char buffer[4096];
    while (read(peer.get(), buffer, sizeof buffer) > 0) {
    }
  }
  void fill(Watch& watch) {
    std::string bytes(4096, 'x');
    while (write(mine.get(), bytes.data(), bytes.size()) > 0) {
    }
    watch.filled();
  }
  // The first turn tells what the descriptor was at the start.
  void settle() { loop.run_once(loop.now()); }

  Loop loop;
  os::Fd mine, peer;
  std::optional<bool> got;
  Scope scope{loop};
};

TEST_F(WatchTest, begins_by_trying) {
  Watch watch{loop, mine.get()};
  EXPECT_TRUE(watch.may_read());
  EXPECT_TRUE(watch.may_write());
  EXPECT_FALSE(watch.hung_up());
  scope.spawn(await_readable(watch, kNever, got));
  EXPECT_EQ(got, true);
}

TEST_F(WatchTest, bytes_wake_a_reader) {
  Watch watch{loop, mine.get()};
  watch.drained();
  scope.spawn(await_readable(watch, kNever, got));
  settle();
  EXPECT_FALSE(got.has_value());
  ASSERT_EQ(write(peer.get(), "x", 1), 1);
  loop.run_once();
  EXPECT_EQ(got, true);
  EXPECT_TRUE(watch.may_read());
  EXPECT_FALSE(watch.hung_up());
}

TEST_F(WatchTest, several_readers_are_all_woken) {
  Watch watch{loop, mine.get()};
  watch.drained();
  std::optional<bool> other;
  scope.spawn(await_readable(watch, kNever, got));
  scope.spawn(await_readable(watch, kNever, other));
  ASSERT_EQ(write(peer.get(), "x", 1), 1);
  loop.run_once();
  EXPECT_EQ(got, true);
  EXPECT_EQ(other, true);
}

TEST_F(WatchTest, a_reader_stops_waiting_at_its_deadline) {
  Watch watch{loop, mine.get()};
  watch.drained();
  scope.spawn(await_readable(watch, loop.now() + 1ms, got));
  while (!got) loop.run_once();
  EXPECT_EQ(got, false);
  EXPECT_FALSE(watch.may_read());
}

TEST_F(WatchTest, bytes_left_unread_are_no_news) {
  Watch watch{loop, mine.get()};
  ASSERT_EQ(write(peer.get(), "x", 1), 1);
  settle();
  watch.drained();
  scope.spawn(await_readable(watch, loop.now() + 2ms, got));
  while (!got) loop.run_once();
  EXPECT_EQ(got, false);
  got.reset();
  scope.spawn(await_readable(watch, kNever, got));
  ASSERT_EQ(write(peer.get(), "y", 1), 1);
  loop.run_once();
  EXPECT_EQ(got, true);
}

TEST_F(WatchTest, room_wakes_a_writer_and_no_reader) {
  Watch watch{loop, mine.get()};
  watch.drained();
  fill(watch);
  std::optional<bool> read;
  scope.spawn(await_writable(watch, kNever, got));
  scope.spawn(await_readable(watch, kNever, read));
  settle();
  EXPECT_FALSE(got.has_value());
  read_all();
  loop.run_once();
  EXPECT_EQ(got, true);
  EXPECT_FALSE(read.has_value());
}

TEST_F(WatchTest, a_writer_stops_waiting_at_its_deadline) {
  Watch watch{loop, mine.get()};
  fill(watch);
  scope.spawn(await_writable(watch, loop.now() + 1ms, got));
  while (!got) loop.run_once();
  EXPECT_EQ(got, false);
}

TEST_F(WatchTest, a_peer_that_closes_wakes_readers_and_writers) {
  Watch watch{loop, mine.get()};
  watch.drained();
  fill(watch);
  std::optional<bool> read;
  scope.spawn(await_writable(watch, kNever, got));
  scope.spawn(await_readable(watch, kNever, read));
  settle();
  EXPECT_FALSE(got.has_value());
  peer.reset();
  loop.run_once();
  EXPECT_EQ(got, true);
  EXPECT_EQ(read, true);
  EXPECT_TRUE(watch.hung_up());
}

TEST_F(WatchTest, a_peer_that_closes_its_sending_side_is_a_hang_up_and_no_room) {
  Watch watch{loop, mine.get()};
  watch.drained();
  fill(watch);
  scope.spawn(await_readable(watch, kNever, got));
  settle();
  ASSERT_EQ(shutdown(peer.get(), SHUT_WR), 0);
  loop.run_once();
  EXPECT_EQ(got, true);
  EXPECT_TRUE(watch.hung_up());
  EXPECT_FALSE(watch.may_write());
}

TEST_F(WatchTest, a_hang_up_sets_the_event_that_was_given) {
  Watch watch{loop, mine.get()};
  Event event{loop};
  watch.tell_hang_up(&event);
  ASSERT_EQ(write(peer.get(), "x", 1), 1);
  loop.run_once();
  EXPECT_FALSE(event.is_set());
  peer.reset();
  loop.run_once();
  EXPECT_TRUE(event.is_set());
}

TEST_F(WatchTest, an_event_that_was_taken_back_is_not_set) {
  Watch watch{loop, mine.get()};
  Event event{loop};
  watch.tell_hang_up(&event);
  watch.tell_hang_up(nullptr);
  peer.reset();
  loop.run_once();
  EXPECT_TRUE(watch.hung_up());
  EXPECT_FALSE(event.is_set());
}

TEST_F(WatchTest, a_pipe_without_reader_wakes_its_writer) {
  int fds[2];
  ASSERT_EQ(pipe(fds), 0);
  os::Fd read_end{fds[0]}, write_end{fds[1]};
  Watch watch{loop, write_end.get()};
  watch.filled();
  settle();  // there is room, as the first turn tells
  watch.filled();
  scope.spawn(await_writable(watch, kNever, got));
  settle();
  EXPECT_FALSE(got.has_value());
  read_end.reset();
  loop.run_once();
  EXPECT_EQ(got, true);
  EXPECT_TRUE(watch.hung_up());
}

TEST_F(WatchTest, an_error_or_hang_up_alone_wakes_both_sides_and_half_a_hang_up_readers_only) {
  for (uint32_t event : {uint32_t{EPOLLERR}, uint32_t{EPOLLHUP}, uint32_t{EPOLLRDHUP}}) {
    Watch watch{loop, mine.get()};
    watch.drained();
    watch.filled();
    watch.on_io(event);  // the kernel adds EPOLLIN and EPOLLOUT for some descriptors, not for all
    EXPECT_TRUE(watch.hung_up()) << event;
    EXPECT_TRUE(watch.may_read()) << event;
    EXPECT_EQ(watch.may_write(), event != EPOLLRDHUP) << event;
  }
}

TEST_F(WatchTest, a_dropped_reader_is_not_woken) {
  Watch watch{loop, mine.get()};
  watch.drained();
  scope.spawn(await_readable(watch, loop.now() + 1ms, got));
  scope.cancel();
  ASSERT_EQ(write(peer.get(), "x", 1), 1);
  loop.run_once(loop.now() + 2ms);
  EXPECT_FALSE(got.has_value());
  EXPECT_TRUE(watch.may_read());
}

TEST_F(WatchTest, its_end_frees_the_descriptor_for_another) {
  { Watch watch{loop, mine.get()}; }
  ASSERT_EQ(write(peer.get(), "x", 1), 1);
  loop.run_once(loop.now());  // nobody is told
  Watch again{loop, mine.get(), EPOLLIN};
  again.drained();
  scope.spawn(await_readable(again, kNever, got));
  loop.run_once();
  EXPECT_EQ(got, true);
}

}  // namespace
}  // namespace trivet::loop
