#pragma once
// For tests: TCP sockets on the loopback, a resolver that answers from a table, and turning a loop
// until something has happened.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <functional>
#include <map>
#include <string>

#include "loop/loop.h"
#include "net/resolver.h"
#include "os/fd.h"

namespace trivet::net {

// Turns the loop until `happened`; false after ten seconds.
inline bool turn_until(loop::Loop& loop, const std::function<bool()>& happened) {
  Instant deadline = RealClock{}.now() + 10s;
  while (!happened()) {
    if (RealClock{}.now() > deadline) return false;
    loop.run_once(RealClock{}.now() + 1ms);
  }
  return true;
}

struct Listening {
  os::Fd fd;
  uint16_t port = 0;
};

inline Listening listen_locally(const char* address = "127.0.0.1") {
  os::Fd fd{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  sockaddr_in at{};
  at.sin_family = AF_INET;
  inet_pton(AF_INET, address, &at.sin_addr);
  socklen_t size = sizeof at;
  EXPECT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&at), size), 0);
  EXPECT_EQ(listen(fd.get(), 64), 0);
  getsockname(fd.get(), reinterpret_cast<sockaddr*>(&at), &size);
  return {std::move(fd), ntohs(at.sin_port)};
}

// A port of the loopback that nobody listens on.
inline uint16_t dead_port() { return listen_locally().port; }

inline os::Fd connect_locally(uint16_t port) {
  os::Fd fd{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  return fd;
}

inline os::Fd accept_now(const os::Fd& listening) {
  return os::Fd{accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
}

// Both ends of one connection, non-blocking.
struct Pair {
  os::Fd one, other;
};
inline Pair tcp_pair() {
  Listening at = listen_locally();
  os::Fd one = connect_locally(at.port);
  return {std::move(one), accept_now(at.fd)};
}

inline bool say(const os::Fd& fd, std::string_view text) {
  return send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT) ==
         static_cast<ssize_t>(text.size());
}

// Adds what is there to `out`. 0 = nothing more now, EOF = the end, else errno.
inline int hear(const os::Fd& fd, std::string& out) {
  char bytes[65536];
  for (;;) {
    ssize_t n = recv(fd.get(), bytes, sizeof bytes, MSG_DONTWAIT);
    if (n == 0) return EOF;
    if (n < 0) return errno == EAGAIN ? 0 : errno;
    out.append(bytes, static_cast<size_t>(n));
  }
}

class FakeResolver final : public Resolver {
 public:
  std::map<std::string, Addresses> names;
  int asked = 0;
  loop::Task<Result<Addresses>> resolve(std::string host, Instant) override {
    ++asked;
    auto at = names.find(host);
    if (at == names.end())
      co_return Error{ErrorCode::kUnavailable, "\"" + host + "\" does not resolve: unknown"};
    co_return at->second;
  }
};

}  // namespace trivet::net
