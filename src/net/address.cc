#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <charconv>
#include <cstring>

namespace trivet::net {
namespace {

constexpr std::string_view kUnix = "unix:";
constexpr int kBacklog = 1024;

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

// A Unix socket's file that nobody listens on is left over from a crash.
bool is_stale(const Address& address) {
  auto connected = connect_to(address);
  return !connected.ok();
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

Result<os::Fd> listen_on(Address& address) {
  sockaddr_storage where;
  auto length = address.to_sockaddr(where);
  if (!length) return std::move(length).error();
  os::Fd fd{socket(where.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd) return io_error("cannot make a socket", errno);
  int on = 1;
  bool is_unix = address.kind == Address::Kind::kUnix;
  if (!is_unix) setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  struct stat file {};
  if (is_unix && stat(address.host.c_str(), &file) == 0 && S_ISSOCK(file.st_mode) &&
      is_stale(address))
    unlink(address.host.c_str());
  mode_t before = is_unix ? umask(0177) : 0;
  int bound = bind(fd.get(), reinterpret_cast<sockaddr*>(&where), *length);
  int failure = errno;
  if (is_unix) umask(before);
  if (bound != 0 || listen(fd.get(), kBacklog) != 0) {
    Error error = io_error("cannot listen on " + address.text(), bound != 0 ? failure : errno);
    error.hint =
        failure == EADDRINUSE
            ? "another program listens there: stop it, or choose another address with --listen"
            : "choose another address with --listen";
    return error;
  }
  if (!is_unix) {
    socklen_t size = sizeof where;
    getsockname(fd.get(), reinterpret_cast<sockaddr*>(&where), &size);
    address.port =
        ntohs(where.ss_family == AF_INET ? reinterpret_cast<sockaddr_in&>(where).sin_port
                                         : reinterpret_cast<sockaddr_in6&>(where).sin6_port);
  }
  return fd;
}

Result<os::Fd> connect_to(const Address& address) {
  sockaddr_storage where;
  auto length = address.to_sockaddr(where);
  if (!length) return std::move(length).error();
  os::Fd fd{socket(where.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (!fd) return io_error("cannot make a socket", errno);
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&where), *length) != 0)
    return Error{ErrorCode::kUnavailable,
                 "no server answers at " + address.text() + ": " + std::strerror(errno),
                 "start one with `trivet serve`, or name it with --server"};
  int on = 1;
  if (address.kind == Address::Kind::kTcp)
    setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

}  // namespace trivet::net
