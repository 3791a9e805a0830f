#include "net/dial.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "loop/watch.h"
#include "net/address.h"

namespace trivet::net {
namespace {

constexpr int kAliveAfter = 60, kAliveEvery = 15, kAliveTries = 4;  // seconds, and how many

void prepare(const os::Fd& fd) {
  auto set = [&fd](int level, int option, int value) {
    setsockopt(fd.get(), level, option, &value, sizeof value);
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, kAliveAfter);
  set(IPPROTO_TCP, TCP_KEEPINTVL, kAliveEvery);
  set(IPPROTO_TCP, TCP_KEEPCNT, kAliveTries);
}

}  // namespace

loop::Task<Result<os::Fd>> dial(loop::Loop& loop, std::string host, uint16_t port,
                                Instant deadline) {
  Address address{Address::Kind::kTcp, std::move(host), port};
  auto failed = [&address](int reason) {
    return Error{ErrorCode::kUnavailable, address.text() + ": " + std::strerror(reason)};
  };
  sockaddr_storage where;
  auto length = address.to_sockaddr(where);
  if (!length) co_return std::move(length).error();
  os::Fd fd{socket(where.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd) co_return failed(errno);
  prepare(fd);
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&where), *length) != 0) {
    if (errno != EINPROGRESS) co_return failed(errno);
    loop::Watch watch{loop, fd.get(), EPOLLOUT};
    watch.filled();  // it is not writable before it is connected
    bool in_time = co_await watch.writable(deadline);
    if (!in_time) co_return failed(ETIMEDOUT);
    int reason = 0;
    socklen_t size = sizeof reason;
    getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &reason, &size);
    if (reason != 0) co_return failed(reason);
  }
  co_return fd;
}

// The kernel talks to an address of an interface from that address; for datagrams, to find out
// which one is all that connect() does.
bool is_this_host(const std::string& address) {
  sockaddr_storage where, ours{};
  auto length = Address{Address::Kind::kTcp, address, 9}.to_sockaddr(where);
  if (!length) return false;
  os::Fd fd{socket(where.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  socklen_t size = sizeof ours;
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&where), *length) != 0 ||
      getsockname(fd.get(), reinterpret_cast<sockaddr*>(&ours), &size) != 0)
    return false;
  return from_sockaddr(ours).host == from_sockaddr(where).host;
}

}  // namespace trivet::net
