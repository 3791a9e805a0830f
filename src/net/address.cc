#include "net/address.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace trivet::net {
namespace {

constexpr std::string_view kUnix = "unix:";

Error bad(std::string_view text, std::string_view why) {
  return {ErrorCode::kInvalidRequest,
          "\"" + std::string{text} + "\" is not an address: " + std::string{why},
          "write it like 127.0.0.1:7007, [::1]:7007 or unix:/path/to/socket"};
}

bool strip(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// Waits for a connect() under way: 0 or what it failed with.
int outcome_of_connect(const os::Fd& fd, Duration timeout) {
  Instant deadline = after(RealClock{}.now(), timeout);
  for (;;) {
    pollfd asked{fd.get(), POLLOUT, 0};
    auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - RealClock{}.now()).count();
    int n = ::poll(&asked, 1, static_cast<int>(std::clamp<int64_t>(left, 0, INT32_MAX)));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return ETIMEDOUT;
    int reason = 0;
    socklen_t size = sizeof reason;
    getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &reason, &size);
    return reason;
  }
}

}  // namespace

Result<Address> Address::parse(std::string_view text) {
  std::string_view rest = text;
  strip(rest, "http://");
  while (!rest.empty() && rest.back() == '/' && !rest.starts_with(kUnix)) rest.remove_suffix(1);
  if (strip(rest, kUnix)) {
    if (rest.empty()) return bad(text, "the path is missing");
    return Address{Kind::kUnix, std::string{rest}, 0};
  }
  size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos) return bad(text, "the port is missing");
  std::string_view host = rest.substr(0, colon), digits = rest.substr(colon + 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  else if (host.find(':') != std::string_view::npos)
    return bad(text, "an IPv6 host needs brackets");
  uint16_t port = 0;
  auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (failed != std::errc{} || end != digits.data() + digits.size() || digits.empty())
    return bad(text, "the port is not a number up to 65535");
  Address address{Kind::kTcp, host.empty() ? "0.0.0.0" : std::string{host}, port};
  sockaddr_storage ignored;
  if (auto ok = address.to_sockaddr(ignored); !ok)
    return bad(text, "the host is not an IP address or localhost");
  return address;
}

std::string Address::text() const {
  if (kind == Kind::kUnix) return std::string{kUnix} + host;
  bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::string Address::url() const { return kind == Kind::kUnix ? text() : "http://" + text(); }

bool Address::is_loopback() const {
  return kind == Kind::kUnix || host == "localhost" || host == "::1" || host.starts_with("127.");
}

Result<socklen_t> Address::to_sockaddr(sockaddr_storage& out) const {
  std::memset(&out, 0, sizeof out);
  if (kind == Kind::kUnix) {
    auto& un = reinterpret_cast<sockaddr_un&>(out);
    if (host.size() >= sizeof un.sun_path) return bad(text(), "the path is longer than 107 bytes");
    un.sun_family = AF_UNIX;
    std::memcpy(un.sun_path, host.c_str(), host.size() + 1);
    return static_cast<socklen_t>(sizeof un);
  }
  std::string numeric = host == "localhost" ? "127.0.0.1" : host;
  auto& v4 = reinterpret_cast<sockaddr_in&>(out);
  if (inet_pton(AF_INET, numeric.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    return static_cast<socklen_t>(sizeof v4);
  }
  auto& v6 = reinterpret_cast<sockaddr_in6&>(out);
  if (inet_pton(AF_INET6, numeric.c_str(), &v6.sin6_addr) != 1)
    return bad(host, "the host is not an IP address");
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  return static_cast<socklen_t>(sizeof v6);
}

Address from_sockaddr(const sockaddr_storage& from) {
  if (from.ss_family == AF_UNIX) {
    const auto& un = reinterpret_cast<const sockaddr_un&>(from);
    return {Address::Kind::kUnix,
            std::string{un.sun_path, strnlen(un.sun_path, sizeof un.sun_path)}, 0};
  }
  char text[INET6_ADDRSTRLEN] = "";
  if (from.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(from);
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    return {Address::Kind::kTcp, text, ntohs(v4.sin_port)};
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(from);
  inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
  return {Address::Kind::kTcp, text, ntohs(v6.sin6_port)};
}

Result<os::Fd> connect_to(const Address& address, Duration timeout) {
  sockaddr_storage where;
  auto length = address.to_sockaddr(where);
  if (!length) return std::move(length).error();
  os::Fd fd{socket(where.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd) return io_error("cannot make a socket", errno);
  int reason = 0;
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&where), *length) != 0) reason = errno;
  if (reason == EINPROGRESS || reason == EINTR) reason = outcome_of_connect(fd, timeout);
  if (reason != 0)
    return Error{ErrorCode::kUnavailable,
                 "no server answers at " + address.text() + ": " + std::strerror(reason),
                 "start one with `trivet serve`, or name it with --server"};
  fcntl(fd.get(), F_SETFL, fcntl(fd.get(), F_GETFL) & ~O_NONBLOCK);
  int on = 1;
  if (address.kind == Address::Kind::kTcp)
    setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

}  // namespace trivet::net
