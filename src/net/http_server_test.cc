#include "net/http_server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <thread>

namespace trivet::net {
namespace {

// Echoes the body; "/hang" waits for ever; "/stream" answers in pieces; "/silent" does not answer.
struct Echo final : HttpHandler {
  explicit Echo(loop::Loop& l) : loop(l) {}
  loop::Task<> handle(Exchange& exchange) override {
    std::string path{exchange.request().path};
    if (path == "/silent") co_return;
    if (path == "/hang") {
      struct Dropped {
        int& count;
        ~Dropped() { ++count; }
      } dropped{hung_dropped};
      co_await loop.sleep(1h);
    }
    if (path == "/stream") {
      ReplyHeaders none;
      co_await exchange.begin(200, none, std::nullopt);
      co_await exchange.write("one");
      co_await loop.sleep(1ms);
      co_await exchange.write("two");
      co_await exchange.finish();
      co_return;
    }
    auto body = co_await exchange.read_body(1000);
    ReplyHeaders headers{{"x-path", path}};
    if (!body) {
      co_await exchange.reply(traits(body.error().code).http_status, headers, "bad");
      co_return;
    }
    co_await exchange.reply(200, headers, *body);
  }
  loop::Loop& loop;
  int hung_dropped = 0;
};

class HttpServerTest : public ::testing::Test {
 protected:
  HttpServerTest() : handler(loop), server(loop, handler, options()) {
    auto address = server.listen({Address::Kind::kTcp, "127.0.0.1", 0});
    EXPECT_TRUE(address.ok());
    where = *address;
    thread = std::thread([this] { loop.run(); });
  }
  ~HttpServerTest() override {
    loop.stop();
    thread.join();
  }
  static HttpOptions options() {
    HttpOptions o;
    o.header_timeout = 200ms;
    o.body_timeout = 200ms;
    return o;
  }
  os::Fd connect() { return std::move(*connect_to(where)); }
  static void send(const os::Fd& fd, std::string_view text) {
    ASSERT_EQ(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  // Reads until `end` has come `count` times, or the connection ends.
  static std::string receive(const os::Fd& fd, std::string_view end, int count = 1) {
    timeval limit{5, 0};
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    std::string all;
    for (;;) {
      int seen = 0;
      for (size_t at = all.find(end); at != std::string::npos; at = all.find(end, at + 1)) ++seen;
      if (seen >= count) return all;
      char buffer[4096];
      ssize_t n = ::recv(fd.get(), buffer, sizeof buffer, 0);
      if (n <= 0) return all;
      all.append(buffer, static_cast<size_t>(n));
    }
  }

  loop::Loop loop;
  Echo handler;
  HttpServer server;
  Address where;
  std::thread thread;
};

TEST_F(HttpServerTest, keep_alive_serves_one_request_after_another) {
  auto fd = connect();
  for (int i = 0; i < 3; ++i) {
    send(fd, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
    EXPECT_NE(receive(fd, "hello").find("HTTP/1.1 200 OK"), std::string::npos);
  }
}

TEST_F(HttpServerTest, pipelined_requests_are_answered_in_order) {
  auto fd = connect();
  std::string all;
  for (int i = 0; i < 100; ++i) all += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n";
  send(fd, all);
  std::string got = receive(fd, "x-path: /", 100);
  size_t at = 0;
  for (int i = 0; i < 100; ++i) {
    at = got.find("x-path: /" + std::to_string(i) + "\r\n", at);
    ASSERT_NE(at, std::string::npos) << i;
  }
}

TEST_F(HttpServerTest, chunked_bodies_come_in_and_go_out) {
  auto fd = connect();
  send(fd,
       "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
       "chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  EXPECT_NE(receive(fd, "abcde").find("content-length: 5"), std::string::npos);
  send(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(receive(fd, "0\r\n\r\n").find("3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"), std::string::npos);
}

TEST_F(HttpServerTest, expect_continue_is_granted) {
  auto fd = connect();
  send(fd, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_NE(receive(fd, "100 Continue").find("100 Continue"), std::string::npos);
  send(fd, "hi");
  EXPECT_NE(receive(fd, "hi").find("200 OK"), std::string::npos);
}

TEST_F(HttpServerTest, a_body_over_the_limit_is_413) {
  auto fd = connect();
  send(fd, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n");
  EXPECT_NE(receive(fd, "\r\n\r\n").find("HTTP/1.1 413"), std::string::npos);
}

TEST_F(HttpServerTest, a_slow_head_is_408_and_a_slow_body_is_400) {
  auto fd = connect();
  send(fd, "GET / HT");
  EXPECT_NE(receive(fd, "408").find("408"), std::string::npos);
  auto other = connect();
  send(other, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe");
  EXPECT_NE(receive(other, "bad").find("HTTP/1.1 400"), std::string::npos);
}

TEST_F(HttpServerTest, a_client_that_goes_away_drops_its_handler) {
  {
    auto fd = connect();
    send(fd, "GET /hang HTTP/1.1\r\nHost: x\r\n\r\n");
    auto other = connect();
    send(other, "GET /b HTTP/1.1\r\nHost: x\r\n\r\n");
    receive(other, "x-path: /b");
  }
  auto other = connect();
  std::atomic<int> dropped{0};
  for (int i = 0; i < 500 && dropped == 0; ++i) {
    send(other, "GET /c HTTP/1.1\r\nHost: x\r\n\r\n");
    receive(other, "x-path: /c");
    loop.post([&] { dropped = handler.hung_dropped; });
  }
  EXPECT_EQ(dropped, 1);
}

TEST_F(HttpServerTest, a_handler_without_an_answer_is_500) {
  auto fd = connect();
  send(fd, "GET /silent HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(receive(fd, "not answered").find("HTTP/1.1 500"), std::string::npos);
}

struct BadRequest {
  const char* what;
  std::string text;
  const char* status;
};

TEST_F(HttpServerTest, what_could_be_read_in_two_ways_is_refused) {
  const std::vector<BadRequest> table{
      {"two lengths",
       "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", " 400 "},
      {"length and coding",
       "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
       " 400 "},
      {"unknown coding", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", " 501 "},
      {"folded line", "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", " 400 "},
      {"blank before colon", "GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n", " 400 "},
      {"no host", "GET / HTTP/1.1\r\n\r\n", " 400 "},
      {"two hosts", "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", " 400 "},
      {"bad method", "G@T / HTTP/1.1\r\nHost: x\r\n\r\n", " 400 "},
      {"bad version", "GET / HTTP/3.0\r\nHost: x\r\n\r\n", " 505 "},
      {"long target", "GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n", " 414 "},
      {"large head", "GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(70'000, 'a') + "\r\n\r\n",
       " 431 "},
  };
  for (const auto& row : table) {
    auto fd = connect();
    send(fd, row.text);
    EXPECT_NE(receive(fd, row.status).find(row.status), std::string::npos) << row.what;
  }
}

}  // namespace
}  // namespace trivet::net
