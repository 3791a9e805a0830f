#include "launcher/messages.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <random>

namespace trivet::launcher {
namespace {

Message full() {
  Message m;
  m.kind = Kind::kStart;
  m.ticket = 0xfffffffe;
  m.is_zygote = m.out_of_memory = m.with_zygote = true;
  m.policy.limits.memory_is_asked = true;
  m.cookie = "TRIVET_WORKER=1.2";
  m.zygote = 7;
  m.cwd = "/a";
  m.argv = {"/bin/sh", "", std::string("a\0b", 3)};
  m.env = {"A=1", "B="};
  m.targets = {0, 1, 2, -1};
  m.pid = 12345;
  m.not_started = "no such file";
  m.code = -1;
  m.signal = 9;
  m.user_us = -2;
  m.system_us = int64_t{1} << 60;
  m.max_rss_kib = 3;
  return m;
}

struct Pair {
  Pair() {
    int pair[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    a = os::Fd{pair[0]};
    b = os::Fd{pair[1]};
  }
  os::Fd a, b;
};

TEST(Messages, come_back_as_they_were) {
  std::string bytes = encode(full());
  auto back = decode(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(encode(*back), bytes);
  EXPECT_EQ(back->argv, full().argv);
  EXPECT_EQ(back->targets, full().targets);
  EXPECT_EQ(back->policy, full().policy);
  EXPECT_EQ(back->user_us, -2);
  EXPECT_EQ(back->code, -1);
}

TEST(Messages, cut_short_or_longer_are_refused) {
  std::string bytes = encode(full());
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(decode(bytes.substr(0, size))) << size;
  EXPECT_FALSE(decode(bytes + '\0'));
}

TEST(Messages, garbage_is_refused_or_a_message) {
  std::mt19937 random{17};
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = encode(full());
    for (int changes = 0; changes < 4; ++changes)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    if (auto message = decode(bytes)) {
      EXPECT_TRUE(decode(encode(*message)));
    }
  }
}

TEST(Messages, a_long_one_travels_in_a_memory_file) {
  Pair pair;
  Message m = full();
  m.env = {"BIG=" + std::string(300'000, 'x')};
  ASSERT_TRUE(*send(pair.a.get(), m, {pair.b.get()}));
  Parcel parcel;
  auto received = receive(pair.b.get(), parcel);
  ASSERT_TRUE(received);
  EXPECT_EQ(*received, Received::kParcel);
  EXPECT_EQ(parcel.message.env, m.env);
  EXPECT_EQ(parcel.fds.size(), 1u);  // the memory file is not among them
}

TEST(Messages, descriptors_travel_and_are_closed_by_exec) {
  Pair pair;
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  os::Fd read_end{ends[0]}, write_end{ends[1]};
  ASSERT_TRUE(*send(pair.a.get(), full(), {write_end.get()}));
  write_end.reset();
  Parcel parcel;
  ASSERT_EQ(*receive(pair.b.get(), parcel), Received::kParcel);
  ASSERT_EQ(parcel.fds.size(), 1u);
  EXPECT_NE(fcntl(parcel.fds[0].get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_EQ(write(parcel.fds[0].get(), "x", 1), 1);
  char byte = 0;
  EXPECT_EQ(read(read_end.get(), &byte, 1), 1);
}

TEST(Messages, too_many_descriptors_are_an_error) {
  Pair pair;
  EXPECT_FALSE(send(pair.a.get(), full(), std::vector<int>(limits::kNetRulesMax + 1, 0)));
}

TEST(Messages, a_full_socket_and_a_closed_one_are_told_apart) {
  Pair pair;
  Message m;
  int sent = 0;
  for (;; ++sent) {
    auto done = send(pair.a.get(), m, {});
    ASSERT_TRUE(done);
    if (!*done) break;
  }
  EXPECT_GT(sent, 0);
  Parcel parcel;
  for (; sent > 0; --sent) ASSERT_EQ(*receive(pair.b.get(), parcel), Received::kParcel);
  EXPECT_EQ(*receive(pair.b.get(), parcel), Received::kNothing);
  pair.b.reset();
  EXPECT_FALSE(send(pair.a.get(), m, {}));
  EXPECT_EQ(*receive(pair.a.get(), parcel), Received::kEnd);
}

TEST(Messages, garbage_on_the_socket_is_an_error) {
  Pair pair;
  ASSERT_TRUE(send_packet(pair.a.get(), "\xff", {}));
  Parcel parcel;
  EXPECT_FALSE(receive(pair.b.get(), parcel));
}

TEST(ControlFrames, come_back_as_they_were_and_nothing_else_is_one) {
  ControlFrame frame{kFrameForked, 0x01020304, "12 0"};
  std::string bytes = encode_control(frame);
  auto back = decode_control(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->type, frame.type);
  EXPECT_EQ(back->ticket, frame.ticket);
  EXPECT_EQ(back->body, frame.body);
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(decode_control(bytes.substr(0, size)));
  EXPECT_FALSE(decode_control(bytes + "x"));
  bytes[15] = 1;  // a meta, which control frames have not
  EXPECT_FALSE(decode_control(bytes));
}

}  // namespace
}  // namespace trivet::launcher
