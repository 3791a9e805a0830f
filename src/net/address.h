#pragma once
// Where to listen or connect: "127.0.0.1:7007", "[::1]:0", "localhost:80", "unix:PATH", each with
// or without "http://".

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "os/fd.h"

namespace trivet::net {

// Who else may listen on an address.
enum class Sharing {
  kNone,
  kFirst,   // as kNone, and sockets with kBeside can join it later: the kernel spreads connections
  kBeside,  // joins one that was opened with kFirst
};

struct Address {
  enum class Kind { kTcp, kUnix };
  Kind kind = Kind::kTcp;
  std::string host;  // numeric or "localhost"; the path of a Unix socket
  uint16_t port = 0;

  // kInvalidRequest with what is expected.
  static Result<Address> parse(std::string_view text);
  std::string text() const;  // "127.0.0.1:7007", "unix:/run/x"
  std::string url() const;   // "http://127.0.0.1:7007", "unix:/run/x"
  bool is_loopback() const;  // a Unix socket counts
  // Fills a socket address; the length, or kInvalidRequest for a host that is not numeric, a path
  // that is too long.
  Result<socklen_t> to_sockaddr(sockaddr_storage& out) const;
};

// The address in a socket address that the system filled; a Unix socket without a path has none.
Address from_sockaddr(const sockaddr_storage& from);

// A connected, blocking socket. kUnavailable when nobody answers there, or not within `timeout`.
Result<os::Fd> connect_to(const Address& address, Duration timeout = Duration::max());

}  // namespace trivet::net
