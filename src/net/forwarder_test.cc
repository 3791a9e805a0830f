#include "net/forwarder.h"

#include <gtest/gtest.h>

#include <cstring>

#include "net/dial.h"
#include "net/sockets_test.h"

namespace trivet::net {
namespace {

class Lines final : public LogSink {
 public:
  void write(LogLine line) override { lines.push_back(std::move(line)); }
  std::vector<LogLine> lines;
};

// Listens, and lets nobody in: its queue is full.
class Full {
 public:
  Full() {
    listen(listening_.fd.get(), 0);
    queued_ = connect_locally(listening_.port);
  }
  uint16_t port() const { return listening_.port; }

 private:
  Listening listening_ = listen_locally();
  os::Fd queued_;
};

// Doors on this machine's own loopback: what leads to them needs no namespace.
class ForwarderTest : public ::testing::Test {
 protected:
  ForwarderTest() {
    settings.reach.this_host = true;
    resolver.names["db.internal"] = {"127.0.0.1"};
  }
  // A door to `to`, opened; the port where it listens.
  uint16_t open(const sandbox::NetRule& to, bool is_literal = false) {
    if (!forwarder) forwarder.emplace(loop, resolver, log, clock, settings);
    Listening at = listen_locally();
    std::vector<os::Fd> sockets;
    sockets.push_back(std::move(at.fd));
    passage =
        forwarder->open("f", 42, {sandbox::Door{"127.0.0.1", to, is_literal}}, std::move(sockets));
    return at.port;
  }
  // The upstream's end of a connection through the door.
  os::Fd accepted() {
    os::Fd fd;
    EXPECT_TRUE(turn_until(loop, [&] { return static_cast<bool>(fd = accept_now(upstream.fd)); }));
    return fd;
  }
  // How a connection ends that gets nothing.
  int fate(const os::Fd& client) {
    std::string nothing;
    int end = 0;
    EXPECT_TRUE(turn_until(loop, [&] { return (end = hear(client, nothing)) != 0; }));
    EXPECT_EQ(nothing, "");
    return end;
  }
  std::string fate_of_door(const sandbox::NetRule& to, bool is_literal = false) {
    uint16_t door = open(to, is_literal);
    EXPECT_EQ(fate(connect_locally(door)), ECONNRESET);
    EXPECT_FALSE(log.lines.empty());
    return log.lines.empty() ? "" : log.lines.back().message;
  }
  const Traffic& traffic() { return forwarder->traffic().at("f"); }

  loop::Loop loop;
  FakeResolver resolver;
  Lines log;
  RealClock clock;
  Forwarder::Settings settings;
  Listening upstream = listen_locally();
  std::optional<Forwarder> forwarder;
  std::unique_ptr<Forwarder::Passage> passage;
};

TEST_F(ForwarderTest, carries_a_connection_to_the_name_behind_its_door) {
  os::Fd client = connect_locally(open({"db.internal", upstream.port}));
  ASSERT_TRUE(say(client, "ping"));
  os::Fd server = accepted();
  std::string heard, back;
  ASSERT_TRUE(turn_until(loop, [&] { return hear(server, heard), heard == "ping"; }));
  ASSERT_TRUE(say(server, "pong!"));
  ASSERT_TRUE(turn_until(loop, [&] { return hear(client, back), back == "pong!"; }));
  EXPECT_EQ(traffic().open, 1);
  client.reset();
  server.reset();
  ASSERT_TRUE(turn_until(loop, [&] { return traffic().open == 0; }));
  EXPECT_EQ(traffic().connections, 1);
  EXPECT_EQ(traffic().bytes_out, 4);
  EXPECT_EQ(traffic().bytes_in, 5);
  EXPECT_EQ(traffic().refused + traffic().failed, 0);
  EXPECT_TRUE(log.lines.empty());
}

TEST_F(ForwarderTest, an_upstream_that_speaks_and_ends_first_is_heard_whole) {
  os::Fd client = connect_locally(open({"db.internal", upstream.port}));
  os::Fd server = accepted();
  ASSERT_TRUE(say(server, "220 ready"));
  server.reset();
  std::string back;
  ASSERT_TRUE(turn_until(loop, [&] { return hear(client, back) == EOF; }));
  EXPECT_EQ(back, "220 ready");
}

TEST_F(ForwarderTest, a_literal_is_not_looked_up) {
  os::Fd client = connect_locally(open({"127.0.0.1", upstream.port}, true));
  EXPECT_TRUE(accepted());
  EXPECT_EQ(resolver.asked, 0);
}

TEST_F(ForwarderTest, an_upstream_that_refuses_resets_and_says_why) {
  uint16_t port = dead_port();
  std::string line = fate_of_door({"db.internal", port});
  EXPECT_EQ(line, "no connection to db.internal:" + std::to_string(port) +
                      ": 127.0.0.1:" + std::to_string(port) + ": Connection refused");
  EXPECT_EQ(log.lines[0].function, "f");
  EXPECT_EQ(log.lines[0].worker, 42);
  EXPECT_EQ(log.lines[0].stream, LogStream::kHost);
  EXPECT_EQ(traffic().failed, 1);
  EXPECT_EQ(traffic().connections, 0);
}

TEST_F(ForwarderTest, a_name_that_does_not_resolve_says_so) {
  std::string line = fate_of_door({"nobody.example", 80});
  EXPECT_EQ(line,
            "no connection to nobody.example:80: \"nobody.example\" does not resolve: unknown");
}

TEST_F(ForwarderTest, the_next_address_is_tried) {
  resolver.names["db.internal"] = {"127.0.0.2", "127.0.0.1"};  // nobody listens on the first
  os::Fd client = connect_locally(open({"db.internal", upstream.port}));
  EXPECT_TRUE(accepted());
}

TEST_F(ForwarderTest, what_a_name_must_not_lead_to_is_refused) {
  settings.reach = {};
  std::string line = fate_of_door({"db.internal", upstream.port});
  EXPECT_NE(line.find(": 127.0.0.1 is a loopback address"), std::string::npos) << line;
  EXPECT_EQ(traffic().refused, 1);
  EXPECT_EQ(traffic().failed, 0);
  EXPECT_FALSE(accept_now(upstream.fd));
}

TEST_F(ForwarderTest, an_upstream_that_does_not_answer_is_given_up) {
  settings.connect = 5ms;
  Full full;
  std::string line = fate_of_door({"db.internal", full.port()});
  EXPECT_NE(line.find("Connection timed out"), std::string::npos) << line;
}

TEST_F(ForwarderTest, connections_over_the_limit_are_reset_and_told_once) {
  settings.per_worker = 3;
  uint16_t door = open({"db.internal", upstream.port});
  std::vector<os::Fd> held, served;
  for (int i = 0; i < 3; ++i) {
    held.push_back(connect_locally(door));
    served.push_back(accepted());
  }
  for (int i = 0; i < 5; ++i) EXPECT_EQ(fate(connect_locally(door)), ECONNRESET);
  EXPECT_EQ(traffic().refused, 5);
  EXPECT_EQ(traffic().open, 3);
  ASSERT_EQ(log.lines.size(), 1u);  // five within its pause
  EXPECT_NE(log.lines[0].message.find("has 3 connections already"), std::string::npos);
  held.pop_back();
  served.pop_back();
  ASSERT_TRUE(turn_until(loop, [&] { return traffic().open == 2; }));
  os::Fd again = connect_locally(door);
  EXPECT_TRUE(accepted());
}

TEST_F(ForwarderTest, all_workers_together_have_a_limit) {
  settings.in_all = 1;
  uint16_t door = open({"db.internal", upstream.port});
  os::Fd held = connect_locally(door), served = accepted();
  auto first = std::move(passage);
  EXPECT_EQ(fate(connect_locally(open({"db.internal", upstream.port}))), ECONNRESET);
}

TEST_F(ForwarderTest, what_a_worker_sent_before_its_end_still_arrives) {
  os::Fd client = connect_locally(open({"db.internal", upstream.port}));
  ASSERT_TRUE(say(client, "last words"));
  os::Fd server = accepted();
  client.reset();  // it exits
  passage.reset();
  std::string heard;
  ASSERT_TRUE(turn_until(loop, [&] { return hear(server, heard) == EOF; }));
  EXPECT_EQ(heard, "last words");
  server.reset();
  ASSERT_TRUE(turn_until(loop, [&] { return traffic().open == 0; }));
}

TEST_F(ForwarderTest, connections_that_outlive_their_worker_are_reset) {
  settings.linger = 5ms;
  uint16_t door = open({"db.internal", upstream.port});
  os::Fd client = connect_locally(door), server = accepted();
  passage.reset();
  EXPECT_EQ(fate(server), ECONNRESET);
  EXPECT_EQ(traffic().open, 0);
  os::Fd late{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(door);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_NE(connect(late.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
}

TEST_F(ForwarderTest, ends_with_connections_open_at_every_stage) {
  settings.linger = 20s;
  Full full;
  os::Fd dialing = connect_locally(open({"db.internal", full.port()}));
  ASSERT_TRUE(turn_until(loop, [&] { return traffic().open == 1; }));
  auto first = std::move(passage);
  os::Fd carried = connect_locally(open({"db.internal", upstream.port})), server = accepted();
  ASSERT_TRUE(turn_until(loop, [&] { return traffic().connections == 1; }));
  passage.reset();  // lingers
  first.reset();
  forwarder.reset();
  std::string nothing;
  EXPECT_EQ(hear(server, nothing), ECONNRESET);
}

TEST(Dial, knows_this_host) {
  EXPECT_TRUE(is_this_host("127.0.0.1"));
  EXPECT_FALSE(is_this_host("no address"));
}

}  // namespace
}  // namespace trivet::net
