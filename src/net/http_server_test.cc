#include "net/http_server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include "net/listener.h"

namespace trivet::net {
namespace {

// A number that another thread changes.
class Gauge {
 public:
  void add(int change) {
    std::lock_guard lock(mutex_);
    value_ += change;
    changed_.notify_all();
  }
  // false when it does not within some seconds.
  bool becomes(int value) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 10s, [&] { return value_ == value; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int value_ = 0;  // guarded by mutex_
};

// Echoes the body; "/hang" waits for ever; "/stream" answers in pieces; "/endless" never stops;
// "/silent" does not answer; "/short" breaks its promise; "/abort" gives up; "/ignore" answers
// without reading; "/wait" answers after a moment.
struct Echo final : HttpHandler {
  explicit Echo(loop::Loop& l) : loop(l) {}
  struct Running {
    explicit Running(Gauge& c) : count(c) { count.add(1); }
    ~Running() { count.add(-1); }
    Gauge& count;
  };
  loop::Task<> handle(Exchange& exchange) override {
    Running now{running};
    std::string path{exchange.request().path};
    ReplyHeaders headers{{"x-path", path}};
    if (path == "/silent") co_return;
    if (path == "/hang") co_await loop.sleep(1h);
    if (path == "/wait") co_await loop.sleep(50ms);
    if (path == "/ignore") {
      co_await exchange.reply(200, headers, "ignored");
      co_return;
    }
    if (path.starts_with("/stream") || path == "/short" || path == "/abort" || path == "/endless") {
      co_await stream(exchange, path);
      co_return;
    }
    auto body = co_await exchange.read_body(kBodyMost);
    std::string echo = body ? std::move(*body) : "bad";
    if (path == "/peer") echo = exchange.peer();
    int status = body ? 200 : traits(body.error().code).http_status;
    co_await exchange.reply(status, headers, echo);
  }
  loop::Task<> stream(Exchange& exchange, std::string path) {
    ReplyHeaders none;
    std::optional<uint64_t> length;
    if (path == "/short") length = 10;
    Status sent = co_await exchange.begin(200, none, length);
    std::string piece(path == "/endless" ? 100'000 : 3, 'a');
    while (sent && path == "/endless") sent = co_await exchange.write(piece);
    co_await exchange.write("one");
    co_await loop.sleep(1ms);
    if (path == "/abort") co_return exchange.abort();
    co_await exchange.write("two");
    co_await exchange.finish();
  }
  static constexpr size_t kBodyMost = 1000;
  loop::Loop& loop;
  Gauge running;
};

class HttpServerTest : public ::testing::Test {
 protected:
  HttpServerTest() {
    char pattern[] = "/tmp/trivet-server-XXXXXX";
    folder = mkdtemp(pattern);
    start(options());
  }
  ~HttpServerTest() override {
    stop();
    std::filesystem::remove_all(folder);
  }
  void start(HttpOptions o) {
    server.emplace(loop, handler, o);
    auto tcp = server->listen({Address::Kind::kTcp, "127.0.0.1", 0});
    auto local = server->listen({Address::Kind::kUnix, folder + "/s", 0});
    ASSERT_TRUE(tcp.ok() && local.ok());
    where = *tcp;
    where_unix = *local;
    thread = std::thread([this] {
      while (!stopped) loop.run_once();
    });
  }
  void stop() {
    loop.post([this] {
      server.reset();
      stopped = true;
    });
    thread.join();
    stopped = false;
  }
  void restart(HttpOptions o) {
    stop();
    start(o);
  }
  static HttpOptions options() {
    HttpOptions o;
    o.header_timeout = 200ms;
    o.body_timeout = 200ms;
    o.half_close_grace = 300ms;
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
      if (n < 0) return all + "<error>";
      if (n == 0) return all + "<end>";
      all.append(buffer, static_cast<size_t>(n));
    }
  }
  loop::Task<> drain(Instant deadline) {
    co_await server->drain(deadline);
    drained.add(1);
  }
  static std::string receive_all(const os::Fd& fd) { return receive(fd, "<never>"); }
  static bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
  }

  std::string folder;
  loop::Loop loop;
  Echo handler{loop};
  std::optional<HttpServer> server;
  loop::Scope scope{loop};  // loop thread
  Gauge drained;
  Address where, where_unix;
  bool stopped = false;  // loop thread, or while there is none
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

TEST_F(HttpServerTest, a_body_that_comes_too_slowly_is_400_however_often_a_piece_of_it_comes) {
  HttpOptions o = options();
  o.body_timeout = 1h;
  o.body_grace = 100ms;
  restart(o);
  auto fd = connect();
  send(fd, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe");
  EXPECT_NE(receive(fd, "bad").find("HTTP/1.1 400"), std::string::npos);
  o.body_rate = 1;  // two bytes earn two seconds
  restart(o);
  auto other = connect();
  send(other, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe");
  send(other, "llo");
  EXPECT_NE(receive(other, "hello").find("HTTP/1.1 200"), std::string::npos);
}

TEST_F(HttpServerTest, a_client_that_goes_away_drops_its_handler) {
  for (const Address& address : {where, where_unix}) {
    auto fd = std::move(*connect_to(address));
    send(fd, "GET /hang HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(handler.running.becomes(1));
    fd.reset();
    EXPECT_TRUE(handler.running.becomes(0)) << address.text();
  }
}

TEST_F(HttpServerTest, a_client_that_resets_the_connection_drops_its_handler_at_once) {
  HttpOptions o = options();
  o.half_close_grace = 1h;
  restart(o);
  auto fd = connect();
  send(fd, "GET /hang HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(handler.running.becomes(1));
  linger reset{1, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  fd.reset();
  EXPECT_TRUE(handler.running.becomes(0));
}

TEST_F(HttpServerTest, a_client_that_goes_away_in_mid_stream_ends_the_stream) {
  HttpOptions o = options();
  o.half_close_grace = o.body_timeout = 1h;
  restart(o);
  for (const Address& address : {where, where_unix}) {
    auto fd = std::move(*connect_to(address));
    send(fd, "GET /endless HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(has(receive(fd, "aaaa"), "200 OK"));
    fd.reset();
    EXPECT_TRUE(handler.running.becomes(0)) << address.text();
  }
}

TEST_F(HttpServerTest, a_client_that_does_not_read_ends_the_stream) {
  auto fd = connect();
  send(fd, "GET /endless HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(handler.running.becomes(1));
  EXPECT_TRUE(handler.running.becomes(0));
}

TEST_F(HttpServerTest, a_client_that_closes_its_side_gets_the_answers_it_asked_for) {
  for (const Address& address : {where, where_unix}) {
    auto fd = std::move(*connect_to(address));
    send(fd, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n");
    ::shutdown(fd.get(), SHUT_WR);
    std::string got = receive_all(fd);
    EXPECT_TRUE(has(got, "x-path: /wait") && has(got, "x-path: /b")) << got;
    EXPECT_TRUE(got.ends_with("<end>"));
  }
}

TEST_F(HttpServerTest, a_unix_socket_is_served_like_any_other) {
  auto fd = std::move(*connect_to(where_unix));
  send(fd, "GET /peer HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(has(receive(fd, "unix"), "content-length: 4\r\n"));
  auto tcp = connect();
  send(tcp, "GET /peer HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(has(receive(tcp, "127.0.0.1:"), "200 OK"));
}

TEST_F(HttpServerTest, an_answer_to_head_has_no_body) {
  auto fd = connect();
  send(fd,
       "HEAD /ignore HTTP/1.1\r\nHost: x\r\n\r\nHEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n"
       "GET /last HTTP/1.1\r\nHost: x\r\n\r\n");
  std::string got = receive(fd, "/last\r\n");
  EXPECT_TRUE(has(got, "content-length: 7\r\n"));
  EXPECT_FALSE(has(got, "ignored") || has(got, "one") || has(got, "0\r\n\r\n"));
}

TEST_F(HttpServerTest, http_1_0_gets_no_chunks_and_is_closed) {
  auto fd = connect();
  send(fd, "GET /stream HTTP/1.0\r\n\r\n");
  std::string got = receive_all(fd);
  EXPECT_TRUE(got.ends_with("\r\n\r\nonetwo<end>")) << got;
  EXPECT_TRUE(has(got, "connection: close"));
  auto kept = connect();
  send(kept, "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_TRUE(has(receive(kept, "\r\n\r\n"), "connection: keep-alive"));
}

TEST_F(HttpServerTest, a_stream_that_fails_does_not_look_whole) {
  for (const char* path : {"/abort", "/short"}) {
    auto fd = connect();
    send(fd, std::string{"GET "} + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
    std::string got = receive_all(fd);
    EXPECT_TRUE(has(got, "one")) << path;
    EXPECT_FALSE(has(got, "0\r\n\r\n")) << path;
    EXPECT_TRUE(got.ends_with("<end>")) << path;
  }
}

TEST_F(HttpServerTest, a_body_that_nobody_read_does_not_become_the_next_request) {
  auto fd = connect();
  std::string inner = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
  send(fd, "POST /ignore HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(inner.size()) +
               "\r\n\r\n" + inner + "GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
  std::string got = receive(fd, "x-path: /next");
  EXPECT_FALSE(has(got, "/smuggled"));
}

TEST_F(HttpServerTest, a_refused_client_can_finish_sending_and_read_why) {
  auto fd = connect();
  std::string large(3'000'000, 'a');
  std::thread sender([&] {
    std::string head = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n" + large;
    ::send(fd.get(), head.data(), head.size(), MSG_NOSIGNAL);
  });
  std::string got = receive_all(fd);
  sender.join();
  EXPECT_TRUE(has(got, "HTTP/1.1 413") && has(got, "connection: close")) << got;
  EXPECT_TRUE(got.ends_with("<end>"));
}

TEST_F(HttpServerTest, a_client_told_no_before_it_sent_its_body_is_closed) {
  auto fd = connect();
  send(fd,
       "POST /ignore HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
       "Expect: 100-continue\r\n\r\n");
  std::string got = receive_all(fd);
  EXPECT_TRUE(has(got, "connection: close"));
  EXPECT_FALSE(has(got, "100 Continue"));
}

TEST_F(HttpServerTest, an_idle_connection_is_closed_after_the_keep_alive_time) {
  HttpOptions o = options();
  o.keep_alive = 50ms;
  restart(o);
  auto fd = connect();
  send(fd, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
  std::string got = receive_all(fd);
  EXPECT_TRUE(has(got, "200 OK") && got.ends_with("<end>")) << got;
}

TEST_F(HttpServerTest, connections_over_the_limit_wait_for_their_turn) {
  HttpOptions o = options();
  o.max_connections = 2;
  restart(o);
  std::vector<os::Fd> fds;
  for (int i = 0; i < 3; ++i) {
    fds.push_back(connect());
    send(fds.back(), "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    if (i < 2) {
      EXPECT_TRUE(has(receive(fds.back(), "\r\n\r\n"), "200 OK"));
    }
  }
  timeval moment{0, 50'000};
  setsockopt(fds[2].get(), SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof moment);
  char byte;
  EXPECT_LT(::recv(fds[2].get(), &byte, 1, 0), 0);
  fds[0].reset();
  EXPECT_TRUE(has(receive(fds[2], "\r\n\r\n"), "200 OK"));
}

TEST_F(HttpServerTest, draining_answers_what_is_under_way_and_closes_what_is_idle) {
  auto idle = connect(), busy = connect();
  send(idle, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
  receive(idle, "\r\n\r\n");
  send(busy, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(handler.running.becomes(1));
  loop.post([&] { scope.spawn(drain(after(loop.now(), 5s))); });
  EXPECT_EQ(receive_all(idle), "<end>");
  std::string got = receive_all(busy);
  EXPECT_TRUE(has(got, "x-path: /wait") && has(got, "connection: close")) << got;
  EXPECT_TRUE(drained.becomes(1));
  EXPECT_FALSE(connect_to(where).ok());
  EXPECT_FALSE(std::filesystem::exists(where_unix.host));
}

TEST_F(HttpServerTest, draining_drops_what_is_left_at_the_deadline) {
  auto busy = connect();
  send(busy, "GET /hang HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(handler.running.becomes(1));
  loop.post([&] { scope.spawn(drain(after(loop.now(), 20ms))); });
  EXPECT_TRUE(drained.becomes(1));
  EXPECT_TRUE(handler.running.becomes(0));
}

TEST_F(HttpServerTest, a_listening_socket_can_be_adopted) {
  Address extra{Address::Kind::kTcp, "127.0.0.1", 0};
  auto socket = listen_on(extra);
  ASSERT_TRUE(socket.ok());
  Gauge adopted;
  loop.post([&] {
    auto address = server->adopt(std::move(*socket));
    adopted.add(address.ok() ? address->port : -1);
  });
  EXPECT_TRUE(adopted.becomes(extra.port));
  auto fd = std::move(*connect_to(extra));
  send(fd, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(has(receive(fd, "\r\n\r\n"), "200 OK"));
}

TEST_F(HttpServerTest, a_client_that_sends_far_ahead_is_served_in_order) {
  auto fd = connect();
  constexpr int kMany = 5000;
  std::string all;
  for (int i = 0; i < kMany; ++i)
    all += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n";
  std::thread sender([&] { send(fd, all); });
  std::string got = receive(fd, "x-path: /4999", 1);
  sender.join();
  size_t at = 0;
  for (int i = 0; i < kMany && at != std::string::npos; ++i)
    at = got.find("x-path: /" + std::to_string(i) + "\r\n", at);
  EXPECT_NE(at, std::string::npos);
}

TEST_F(HttpServerTest, a_handler_without_an_answer_is_500) {
  auto fd = connect();
  send(fd, "GET /silent HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(receive(fd, "not answered").find("HTTP/1.1 500"), std::string::npos);
}

struct BadRequest {
  const char* what;
  std::string text;
  const char *status, *code;
};

TEST_F(HttpServerTest, what_cannot_be_served_is_told_as_a_problem_and_closed) {
  const std::vector<BadRequest> table{
      {"two lengths",
       "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "400",
       "INVALID_REQUEST"},
      {"unknown coding", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", "501",
       "NOT_SUPPORTED"},
      {"no host", "GET / HTTP/1.1\r\n\r\n", "400", "INVALID_REQUEST"},
      {"bad version", "GET / HTTP/3.0\r\nHost: x\r\n\r\n", "505", "NOT_SUPPORTED"},
      {"bare line feeds", "GET / HTTP/1.1\nHost: x\n\n", "400", "INVALID_REQUEST"},
      {"long target", "GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n", "414",
       "PAYLOAD_TOO_LARGE"},
      {"large head", "GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(70'000, 'a') + "\r\n\r\n",
       "431", "PAYLOAD_TOO_LARGE"},
      {"behind a HEAD", "HEAD / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\n\n", "400",
       "INVALID_REQUEST"},
      {"no answer", "GET /silent HTTP/1.1\r\nHost: x\r\n\r\n", "500", "INTERNAL"},
      {"half a head", "GET /", "408", "INVALID_REQUEST"},
  };
  for (const auto& row : table) {
    auto fd = connect();
    send(fd, row.text);
    std::string got = receive_all(fd);
    EXPECT_TRUE(has(got, std::string{"HTTP/1.1 "} + row.status + " ")) << row.what << got;
    EXPECT_TRUE(has(got, std::string{"\"code\":\""} + row.code + "\"")) << row.what << got;
    EXPECT_TRUE(has(got, std::string{"\"status\":"} + row.status + ",")) << row.what << got;
    EXPECT_TRUE(has(got, "content-type: application/problem+json\r\n")) << row.what;
    EXPECT_TRUE(has(got, "connection: close\r\n") && got.ends_with("<end>")) << row.what << got;
  }
}

}  // namespace
}  // namespace trivet::net
