#include "net/listener.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace trivet::net {
namespace {

class ListenerTest : public ::testing::Test {
 protected:
  ListenerTest() {
    char pattern[] = "/tmp/trivet-listener-XXXXXX";
    folder = mkdtemp(pattern);
    address = {Address::Kind::kUnix, folder + "/s", 0};
  }
  ~ListenerTest() override { std::filesystem::remove_all(folder); }

  std::string folder;
  Address address;
};

TEST_F(ListenerTest, a_socket_file_is_for_its_owner_alone) {
  ASSERT_TRUE(listen_on(address).ok());
  struct stat file {};
  ASSERT_EQ(stat(address.host.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0600u);
}

TEST_F(ListenerTest, a_stale_socket_file_is_replaced) {
  ASSERT_TRUE(listen_on(address).ok());  // closed at once, its file stays
  auto again = listen_on(address);
  ASSERT_TRUE(again.ok()) << again.error().text();
  EXPECT_TRUE(connect_to(address).ok());
}

TEST_F(ListenerTest, a_socket_that_answers_is_not_taken_over) {
  auto first = listen_on(address);
  auto second = listen_on(address);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::kIo);
  EXPECT_NE(second.error().hint.find("--listen"), std::string::npos);
  EXPECT_TRUE(connect_to(address).ok());
}

TEST_F(ListenerTest, a_file_that_is_no_socket_stays) {
  std::ofstream(address.host) << "precious";
  EXPECT_FALSE(listen_on(address).ok());
  EXPECT_TRUE(std::filesystem::is_regular_file(address.host));
}

TEST_F(ListenerTest, a_port_in_use_is_told_with_a_hint) {
  Address tcp{Address::Kind::kTcp, "127.0.0.1", 0};
  auto first = listen_on(tcp);
  ASSERT_TRUE(first.ok());
  ASSERT_NE(tcp.port, 0);
  auto second = listen_on(tcp);
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.error().message.find(tcp.text()), std::string::npos);
  EXPECT_NE(second.error().hint.find("another program"), std::string::npos);
}

TEST_F(ListenerTest, only_a_listening_stream_socket_can_be_adopted) {
  auto listening = listen_on(address);
  EXPECT_TRUE(make_listening(*listening).ok());
  os::Fd stream{socket(AF_UNIX, SOCK_STREAM, 0)}, datagram{socket(AF_UNIX, SOCK_DGRAM, 0)};
  EXPECT_FALSE(make_listening(stream).ok());
  EXPECT_FALSE(make_listening(datagram).ok());
  EXPECT_FALSE(make_listening(os::Fd{}).ok());
}

TEST_F(ListenerTest, sockets_are_inherited_only_when_they_are_for_this_process) {
  setenv("LISTEN_FDS", "2", 1);
  setenv("LISTEN_PID", "1", 1);
  EXPECT_TRUE(inherited_sockets().empty());
  EXPECT_EQ(std::getenv("LISTEN_FDS"), nullptr);
  setenv("LISTEN_FDS", "2", 1);
  setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
  auto sockets = inherited_sockets();
  ASSERT_EQ(sockets.size(), 2u);
  EXPECT_EQ(sockets[0].get(), 3);
  EXPECT_EQ(sockets[1].get(), 4);
  for (auto& fd : sockets) fd.release();  // they were never ours
  EXPECT_EQ(std::getenv("LISTEN_PID"), nullptr);
}

}  // namespace
}  // namespace trivet::net
