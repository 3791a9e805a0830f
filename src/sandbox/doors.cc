#include "sandbox/doors.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>

#include "base/limits.h"
#include "sandbox/loopback.h"
#include "sandbox/reach.h"

namespace trivet::sandbox {
namespace {

constexpr int kBacklog = 256;
constexpr size_t kNameMost = 253;  // RFC 1035
// Of the function's side of a connection, each way. There is no distance to bridge, and what waits
// here is memory of the host's.
constexpr int kSocketBuffer = static_cast<int>(128 * limits::kKiB);

bool is_host_name(std::string_view text) {
  auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  };
  return !text.empty() && text.size() <= kNameMost && text.front() != '.' && text.front() != '-' &&
         std::all_of(text.begin(), text.end(), fits);
}

std::string text_of(const NetRule& rule) {
  bool v6 = rule.host.find(':') != std::string::npos;
  return (v6 ? "[" + rule.host + "]" : rule.host) + ":" + std::to_string(rule.port);
}

Error refused(const NetRule& rule, const std::string& why, std::string hint = {}) {
  return {ErrorCode::kInvalidManifest, "sandbox.net: " + text_of(rule) + ": " + why,
          std::move(hint)};
}

Status check(const NetRule& rule) {
  if (rule.port == 0) return refused(rule, "the port is missing", "write it like example.com:443");
  auto place = place_of(rule.host);
  bool local_name = rule.host == "localhost" || rule.host.ends_with(".localhost");
  if (local_name || (place && !may_reach(*place, Reach{true, false})))
    return refused(
        rule,
        "a confined function cannot reach a " +
            std::string{name(place.value_or(Place::kLoopback))} + " address",
        "let the service listen on an address of the network, or use `sandbox: {level: process}`");
  if (!place && !is_host_name(rule.host))
    return refused(rule, "not a host name or an address", "write it like example.com:443");
  return {};
}

// One address has several texts; the kernel's is the one to compare.
std::string normal(const std::string& address) {
  unsigned char bytes[16];
  char text[INET6_ADDRSTRLEN] = "";
  int family = address.find(':') == std::string::npos ? AF_INET : AF_INET6;
  inet_pton(family, address.c_str(), bytes);
  inet_ntop(family, bytes, text, sizeof text);
  return text;
}

std::string loopback_address(size_t k) {
  return "127.77." + std::to_string(k / 256) + "." + std::to_string(k % 256);
}

socklen_t fill(sockaddr_storage& where, const Door& door) {
  std::memset(&where, 0, sizeof where);
  auto& v4 = reinterpret_cast<sockaddr_in&>(where);
  if (inet_pton(AF_INET, door.address.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(door.to.port);
    return sizeof v4;
  }
  auto& v6 = reinterpret_cast<sockaddr_in6&>(where);
  inet_pton(AF_INET6, door.address.c_str(), &v6.sin6_addr);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(door.to.port);
  return sizeof v6;
}

Result<os::Fd> listen_at(const Door& door) {
  auto failed = [&door](int reason) {
    return io_error("cannot open the door to " + text_of(door.to), reason);
  };
  sockaddr_storage where;
  socklen_t size = fill(where, door);
  os::Fd fd{socket(where.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd) return failed(errno);
  for (int option : {SO_SNDBUF, SO_RCVBUF})  // connections take them over
    setsockopt(fd.get(), SOL_SOCKET, option, &kSocketBuffer, sizeof kSocketBuffer);
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&where), size) != 0) return failed(errno);
  if (listen(fd.get(), kBacklog) != 0) return failed(errno);
  return fd;
}

}  // namespace

Result<std::vector<Door>> plan_doors(const std::vector<NetRule>& rules) {
  std::vector<Door> doors;
  std::map<std::string, std::string> addresses;  // of names
  for (const NetRule& rule : rules) {
    if (Status good = check(rule); !good) return std::move(good).error();
    Door door{{}, rule, place_of(rule.host).has_value()};
    if (door.is_literal) {
      door.to.host = door.address = normal(rule.host);
    } else {
      auto [at, is_new] = addresses.try_emplace(rule.host);
      if (is_new) at->second = loopback_address(addresses.size());
      door.address = at->second;
    }
    if (std::find(doors.begin(), doors.end(), door) != doors.end()) continue;
    if (doors.size() == limits::kNetRulesMax)
      return refused(rule, "one more than the " + std::to_string(doors.size()) +
                               " destinations that a function can have");
    doors.push_back(std::move(door));
  }
  return doors;
}

std::string hosts_text(const std::vector<Door>& doors) {
  std::string text = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n";
  std::map<std::string, std::string> lines;
  for (const Door& door : doors)
    if (!door.is_literal) lines.emplace(door.address, door.to.host);
  for (const auto& [address, host] : lines) text += address + " " + host + "\n";
  return text;
}

Result<std::vector<os::Fd>> open_doors(const std::vector<Door>& doors) {
  std::vector<os::Fd> sockets;
  if (doors.empty()) return sockets;
  if (Status up = bring_loopback_up(); !up) return std::move(up).error();
  for (const Door& door : doors) {
    if (door.is_literal)
      if (Status added = add_to_loopback(door.address); !added) return std::move(added).error();
    auto socket = listen_at(door);
    if (!socket) return std::move(socket).error();
    sockets.push_back(std::move(*socket));
  }
  return sockets;
}

}  // namespace trivet::sandbox
