// A connection that goes on at the server of another loop.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <optional>
#include <string>
#include <thread>

#include "net/http_server.h"

namespace trivet::net {
namespace {

// Two servers on loops of their own: "/0..." is served by the first, "/1..." by the second, any
// other path where it comes in.
class HttpMove : public ::testing::Test {
 protected:
  struct Side final : HttpHandler {
    Side(HttpMove& test, char name) : all(test), label(name), server(loop, *this, options()) {}
    static HttpOptions options() {
      HttpOptions o;
      o.body_timeout = 5s;
      return o;
    }
    HttpServer* server_for(const Request& request) override {
      for (auto* side : {&*all.first, &*all.second})
        if (request.path.size() > 1 && request.path[1] == side->label && side != this)
          return &side->server;
      return nullptr;
    }
    loop::Task<> handle(Exchange& exchange) override {
      std::string path{exchange.request().path};
      std::string_view peer = exchange.peer();
      std::string reply = label + path + (peer.empty() ? " nobody" : "");
      auto body = co_await exchange.read_body(10'000'000);
      if (!body) co_return;
      if (!body->empty()) reply += " " + std::to_string(body->size());
      ReplyHeaders headers;
      co_await exchange.reply(200, headers, reply);
    }
    void run() {
      thread = std::thread([this] {
        while (!stopped) loop.run_once();
      });
    }
    void stop() {
      loop.post([this] {
        server.stop_accepting();
        stopped = true;
      });
      thread.join();
    }
    HttpMove& all;
    char label;
    loop::Loop loop;
    HttpServer server;
    bool stopped = false;
    std::thread thread;
  };

  HttpMove() {
    first.emplace(*this, '0');
    second.emplace(*this, '1');
    auto listening = first->server.listen({Address::Kind::kTcp, "127.0.0.1", 0}, Sharing::kFirst);
    EXPECT_TRUE(listening.ok());
    where = *listening;
    first->run();
    second->run();
  }
  ~HttpMove() override {
    first->stop();
    second->stop();
  }
  os::Fd connect() {
    sockaddr_storage at{};
    auto length = where.to_sockaddr(at);
    os::Fd fd{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    timeval patience{20, 0};
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&at), *length), 0);
    return fd;
  }
  static void send(const os::Fd& fd, std::string_view text) {
    while (!text.empty()) {
      ssize_t sent = ::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
      ASSERT_GT(sent, 0);
      text.remove_prefix(static_cast<size_t>(sent));
    }
  }
  // The body of the next answer.
  std::string answer(const os::Fd& fd) {
    auto more = [&] {
      char piece[4096];
      ssize_t got = recv(fd.get(), piece, sizeof piece, 0);
      if (got > 0) unread.append(piece, static_cast<size_t>(got));
      return got > 0;
    };
    size_t end;
    while ((end = unread.find("\r\n\r\n")) == std::string::npos)
      if (!more()) return "closed";
    size_t at = unread.find("content-length: ");
    size_t length = std::stoul(unread.substr(at + 16));
    while (unread.size() < end + 4 + length)
      if (!more()) return "cut";
    std::string body = unread.substr(end + 4, length);
    unread.erase(0, end + 4 + length);
    return body;
  }
  static std::string get(std::string_view path) {
    return "GET " + std::string{path} + " HTTP/1.1\r\nhost: x\r\n\r\n";
  }

  std::optional<Side> first, second;
  Address where;
  std::string unread;
};

TEST_F(HttpMove, a_connection_goes_where_each_request_belongs) {
  os::Fd client = connect();
  for (const char* path : {"/x", "/1a", "/x", "/1b", "/0c", "/x", "/1d", "/0e"}) {
    send(client, get(path));
    std::string said = answer(client);
    char side = path[1] == 'x' ? said[0] : path[1];
    EXPECT_EQ(said, side + std::string{path});
  }
  send(client, get("/1f"));
  EXPECT_EQ(answer(client), "1/1f");
  send(client, get("/x"));
  EXPECT_EQ(answer(client), "1/x");  // it stays where it was last
}

TEST_F(HttpMove, what_was_sent_ahead_goes_along) {
  os::Fd client = connect();
  std::string all;
  for (int i = 0; i < 50; ++i) all += get(i % 3 == 0 ? "/1" : "/0");
  send(client, all + "GET /1 HTT");
  for (int i = 0; i < 50; ++i) EXPECT_EQ(answer(client), i % 3 == 0 ? "1/1" : "0/0");
  send(client, "P/1.1\r\nhost: x\r\n\r\n");
  EXPECT_EQ(answer(client), "1/1");
}

TEST_F(HttpMove, a_body_that_is_still_coming_is_read_there) {
  os::Fd client = connect();
  std::string body(3'000'000, 'x');
  send(client, "POST /1 HTTP/1.1\r\nhost: x\r\ncontent-length: 3000000\r\n\r\n");
  send(client, body);
  EXPECT_EQ(answer(client), "1/1 3000000");
}

TEST_F(HttpMove, a_client_that_leaves_on_the_way_leaves_nothing) {
  for (int i = 0; i < 200; ++i) {
    os::Fd client = connect();
    send(client, get(i % 2 == 0 ? "/1" : "/0") + get("/1"));
  }
  os::Fd client = connect();
  send(client, get("/1"));
  EXPECT_EQ(answer(client), "1/1");
  client = os::Fd{};
  auto count = [](Side& side) {
    std::promise<size_t> found;
    side.loop.post([&] { found.set_value(side.server.connections()); });
    return found.get_future().get();
  };
  auto patience = std::chrono::steady_clock::now() + 10s;
  for (auto* side : {&*first, &*second}) {
    while (count(*side) > 0 && std::chrono::steady_clock::now() < patience)
      std::this_thread::yield();
    EXPECT_EQ(count(*side), 0u);
  }
}

TEST(Sharing, others_join_only_who_lets_them_and_only_with_the_flag) {
  loop::Loop loop;
  struct None final : HttpHandler {
    loop::Task<> handle(Exchange&) override { co_return; }
  } none;
  HttpServer alone{loop, none, {}}, shared{loop, none, {}}, other{loop, none, {}};
  Address any{Address::Kind::kTcp, "127.0.0.1", 0};
  auto of_one = alone.listen(any);
  auto of_all = shared.listen(any, Sharing::kFirst);
  ASSERT_TRUE(of_one.ok() && of_all.ok());
  EXPECT_FALSE(other.listen(*of_one).ok());
  EXPECT_FALSE(other.listen(*of_one, Sharing::kBeside).ok());
  EXPECT_FALSE(other.listen(*of_all).ok());
  EXPECT_FALSE(other.listen(*of_all, Sharing::kFirst).ok());
  EXPECT_TRUE(other.listen(*of_all, Sharing::kBeside).ok());
}

}  // namespace
}  // namespace trivet::net
