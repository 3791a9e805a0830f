#include "net/tunnel.h"

#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <array>
#include <optional>

#include "net/sockets_test.h"

namespace trivet::net {
namespace {

class TunnelTest : public ::testing::Test {
 protected:
  void open(Duration idle = 20s) {
    Pair a = tcp_pair(), b = tcp_pair();
    left = std::move(a.one);
    right = std::move(b.one);
    tunnel.emplace(loop, std::move(a.other), std::move(b.other), idle, scratch);
    tunnel->count_in({&to_right, &to_left});
    scope.spawn(run());
  }
  loop::Task<> run() { ended = co_await tunnel->run(); }
  bool right_hears(const std::string& text) {
    return turn_until(loop, [&] { return heard_end = hear(right, heard), heard == text; });
  }
  bool ends() {
    return turn_until(loop, [this] { return ended.has_value(); });
  }

  loop::Loop loop;
  std::array<char, 65536> scratch;
  os::Fd left, right;
  int64_t to_right = 0, to_left = 0;
  std::optional<Tunnel> tunnel;
  std::optional<Tunnel::End> ended;
  std::string heard;
  int heard_end = 0;
  loop::Scope scope{loop};
};

TEST_F(TunnelTest, carries_both_ways_and_counts) {
  open();
  ASSERT_TRUE(say(left, "hello"));
  ASSERT_TRUE(right_hears("hello"));
  ASSERT_TRUE(say(right, "good day"));
  std::string back;
  ASSERT_TRUE(turn_until(loop, [&] { return hear(left, back), back == "good day"; }));
  EXPECT_EQ(to_right, 5);
  EXPECT_EQ(to_left, 8);
  EXPECT_FALSE(ended);
}

TEST_F(TunnelTest, a_side_that_ends_still_hears_the_other) {
  open();
  ASSERT_TRUE(say(left, "request"));
  shutdown(left.get(), SHUT_WR);
  ASSERT_TRUE(turn_until(loop, [&] { return hear(right, heard) == EOF; }));
  EXPECT_EQ(heard, "request");
  ASSERT_TRUE(say(right, "answer"));
  std::string back;
  ASSERT_TRUE(turn_until(loop, [&] { return hear(left, back), back == "answer"; }));
  EXPECT_FALSE(ended);
  right.reset();
  ASSERT_TRUE(turn_until(loop, [&] { return hear(left, back) == EOF; }));
  ASSERT_TRUE(ends());
  EXPECT_EQ(*ended, Tunnel::End::kClosed);
}

TEST_F(TunnelTest, a_reset_goes_through) {
  open();
  ASSERT_TRUE(say(left, "x"));
  ASSERT_TRUE(right_hears("x"));
  reset_when_closed(right);
  right.reset();
  ASSERT_TRUE(ends());
  EXPECT_EQ(*ended, Tunnel::End::kReset);
  tunnel.reset();
  std::string back;
  EXPECT_EQ(hear(left, back), ECONNRESET);
}

TEST_F(TunnelTest, a_slow_reader_makes_the_sender_wait_and_nothing_is_held_or_lost) {
  open();
  std::string piece(65536, 'a');
  for (size_t i = 0; i < piece.size(); ++i) piece[i] = static_cast<char>('a' + i % 23);
  int64_t sent = 0;
  for (int quiet = 0; quiet < 20; ++quiet) {  // until the kernel's buffers are full
    for (ssize_t n; (n = send(left.get(), piece.data() + sent % 23, piece.size() - 23,
                              MSG_DONTWAIT | MSG_NOSIGNAL)) > 0;
         quiet = 0)
      sent += n;
    loop.run_once(RealClock{}.now() + 1ms);
  }
  int unread = 0;
  ioctl(right.get(), SIOCINQ, &unread);
  EXPECT_GT(unread, 0);
  EXPECT_LT(to_right, sent);  // the rest is in the kernel, on the sender's side
  int64_t took = 0;
  ASSERT_TRUE(turn_until(loop, [&] {
    hear(right, heard);
    for (char c : heard)
      if (c != static_cast<char>('a' + took++ % 23)) return ADD_FAILURE(), true;
    heard.clear();
    return took == sent;
  }));
  EXPECT_EQ(to_right, sent);
}

TEST_F(TunnelTest, ends_when_nothing_moves) {
  open(20ms);
  ASSERT_TRUE(say(left, "x"));
  ASSERT_TRUE(ends());
  EXPECT_EQ(*ended, Tunnel::End::kIdle);
  EXPECT_EQ(to_right, 1);
}

TEST_F(TunnelTest, dropped_before_its_end_it_resets_both) {
  open();
  ASSERT_TRUE(say(left, "half a mess"));
  ASSERT_TRUE(right_hears("half a mess"));
  scope.cancel();
  tunnel.reset();
  EXPECT_EQ(hear(right, heard), ECONNRESET);
  EXPECT_EQ(hear(left, heard), ECONNRESET);
}

}  // namespace
}  // namespace trivet::net
