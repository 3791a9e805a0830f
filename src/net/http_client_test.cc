#include "net/http_client.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <optional>
#include <semaphore>
#include <thread>

#include "net/listener.h"

namespace trivet::net {
namespace {

// "/close" closes after its answer; "/count" streams 3 pieces; "/slow" waits; else an echo of
// method, target and body.
struct Service final : HttpHandler {
  explicit Service(loop::Loop& l) : loop(l) {}
  loop::Task<> handle(Exchange& exchange) override {
    const Request& request = exchange.request();
    std::string path{request.path};
    if (path == "/slow") co_await loop.sleep(1h);
    if (path == "/count") {
      ReplyHeaders none;
      co_await exchange.begin(200, none, std::nullopt);
      for (std::string piece : {"one", "two", "three"}) {
        co_await exchange.write(piece);
        co_await loop.sleep(5ms);
      }
      co_await exchange.finish();
      co_return;
    }
    auto body = co_await exchange.read_body(100'000'000);
    std::string peer{exchange.peer()};
    ReplyHeaders headers{{"X-Peer", peer}};
    if (path == "/close") headers.emplace_back("connection", "close");
    std::string text = std::string{request.method} + " " + std::string{request.target} + " " +
                       (body ? *body : body.error().message);
    co_await exchange.reply(path == "/missing" ? 404 : 200, headers, text);
  }
  loop::Loop& loop;
};

class HttpClientTest : public ::testing::Test {
 protected:
  HttpClientTest() {
    HttpOptions o;
    o.keep_alive = 100ms;
    server.emplace(loop, service, o);
    auto address = server->listen({Address::Kind::kTcp, "127.0.0.1", 0});
    EXPECT_TRUE(address.ok());
    where = *address;
    thread = std::thread([this] {
      while (!stopped) loop.run_once();
    });
  }
  ~HttpClientTest() override {
    loop.post([this] {
      server.reset();
      stopped = true;
    });
    thread.join();
  }
  HttpClient client(Duration timeout = 5s) {
    return std::move(*HttpClient::connect(where, timeout));
  }

  loop::Loop loop;
  Service service{loop};
  std::optional<HttpServer> server;
  Address where;
  bool stopped = false;  // loop thread
  std::thread thread;
};

TEST_F(HttpClientTest, requests_share_a_connection) {
  HttpClient c = client();
  auto first = c.request("POST", "/a?b", {{"x-a", "b"}}, "hello");
  auto second = c.request("GET", "/c", {}, "");
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->status, 200);
  EXPECT_EQ(first->body, "POST /a?b hello");
  EXPECT_EQ(second->body, "GET /c ");
  EXPECT_FALSE(first->header("x-peer").empty());
  EXPECT_EQ(first->header("x-peer"), second->header("x-peer"));
}

TEST_F(HttpClientTest, any_status_is_a_response) {
  auto response = client().request("GET", "/missing", {}, "");
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->status, 404);
}

TEST_F(HttpClientTest, an_answer_to_head_leaves_the_connection_in_order) {
  HttpClient c = client();
  auto head = c.request("HEAD", "/a", {}, "");
  auto next = c.request("GET", "/b", {}, "");
  ASSERT_TRUE(head.ok() && next.ok());
  EXPECT_EQ(head->body, "");
  EXPECT_EQ(head->header("content-length"), "8");
  EXPECT_EQ(next->body, "GET /b ");
}

TEST_F(HttpClientTest, large_bodies_go_both_ways) {
  std::string body(20'000'000, 'a');
  auto response = client().request("PUT", "/", {}, body);
  ASSERT_TRUE(response.ok()) << response.error().text();
  EXPECT_EQ(response->body, "PUT / " + body);
}

TEST_F(HttpClientTest, a_closed_connection_is_opened_again) {
  HttpClient c = client();
  for (const char* target : {"/close", "/close", "/a"}) {
    auto response = c.request("POST", target, {}, "");
    ASSERT_TRUE(response.ok()) << response.error().text();
  }
}

TEST_F(HttpClientTest, a_stream_comes_in_pieces_and_can_be_stopped) {
  HttpClient c = client();
  std::vector<std::string> pieces;
  Response head;
  auto collect = [&](std::string_view piece) {
    pieces.emplace_back(piece);
    return true;
  };
  ASSERT_TRUE(c.stream("GET", "/count", {}, collect, head).ok());
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(pieces, (std::vector<std::string>{"one", "two", "three"}));
  Response again;
  auto stop = [](std::string_view) { return false; };
  ASSERT_TRUE(c.stream("GET", "/count", {}, stop, again).ok());
  auto response = c.request("GET", "/a", {}, "");
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->body, "GET /a ");
}

TEST_F(HttpClientTest, an_answer_that_does_not_come_is_a_timeout) {
  auto response = client(50ms).request("GET", "/slow", {}, "");
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code, ErrorCode::kFunctionTimeout);
}

TEST(HttpClient, a_refused_connection_says_how_to_start_a_server) {
  Address nobody{Address::Kind::kUnix, "/tmp/trivet-nobody-listens-here", 0};
  auto client = HttpClient::connect(nobody, 1s);
  ASSERT_FALSE(client.ok());
  EXPECT_EQ(client.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(client.error().hint.find("trivet serve"), std::string::npos);
}

// A server on a thread of its own that says one thing to each connection and closes it.
class OneAnswer {
 public:
  OneAnswer(std::string answer, int connections) : answer_(std::move(answer)) {
    fd_ = std::move(*listen_on(address_));
    make_blocking();
    thread_ = std::thread([this, connections] {
      for (int i = 0; i < connections; ++i) serve_one();
    });
  }
  ~OneAnswer() { thread_.join(); }
  const Address& address() const { return address_; }
  void wait_until_closed() { closed_.acquire(); }

 private:
  void make_blocking() { fcntl(fd_.get(), F_SETFL, fcntl(fd_.get(), F_GETFL) & ~O_NONBLOCK); }
  void serve_one() {
    {
      os::Fd fd{accept(fd_.get(), nullptr, nullptr)};
      char request[4096];
      ::recv(fd.get(), request, sizeof request, 0);
      ::send(fd.get(), answer_.data(), answer_.size(), MSG_NOSIGNAL);
    }
    closed_.release();
  }

  std::string answer_;
  Address address_{Address::Kind::kTcp, "127.0.0.1", 0};
  os::Fd fd_;
  std::counting_semaphore<> closed_{0};
  std::thread thread_;
};

TEST(HttpClient, a_connection_closed_while_it_was_kept_is_opened_again) {
  OneAnswer server{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", 2};
  auto client = HttpClient::connect(server.address(), 5s);
  ASSERT_TRUE(client.ok());
  for (int i = 0; i < 2; ++i) {
    auto response = client->request("POST", "/", {}, "");
    ASSERT_TRUE(response.ok()) << response.error().text();
    EXPECT_EQ(response->body, "ab");
    server.wait_until_closed();
  }
}

TEST(HttpClient, a_body_may_end_with_the_connection) {
  OneAnswer server{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\n\r\nabc", 1};
  auto client = HttpClient::connect(server.address(), 5s);
  ASSERT_TRUE(client.ok());
  auto response = client->request("GET", "/", {}, "");
  ASSERT_TRUE(response.ok()) << response.error().text();
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "abc");
}

struct Row {
  const char *what, *answer;
};

TEST(HttpClient, answers_that_are_not_whole_http_are_errors) {
  const Row table[] = {
      {"nothing", ""},
      {"half a head", "HTTP/1.1 200 OK\r\nContent-"},
      {"not HTTP", "SSH-2.0-x\r\n\r\n"},
      {"half a body", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"},
      {"half a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"},
      {"no last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"},
      {"bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"},
  };
  for (const auto& row : table) {
    OneAnswer server{row.answer, 1};
    auto client = HttpClient::connect(server.address(), 5s);
    ASSERT_TRUE(client.ok());
    EXPECT_FALSE(client->request("POST", "/", {}, "").ok()) << row.what;
  }
}

}  // namespace
}  // namespace trivet::net
