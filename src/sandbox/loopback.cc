#include "sandbox/loopback.h"

#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "os/fd.h"

namespace trivet::sandbox {
namespace {

constexpr uint32_t kLoopbackIndex = 1;  // it is the first interface that a namespace gets
constexpr int kRouteTries = 200;
constexpr useconds_t kRouteEveryUs = 1000;

// RTM_NEWADDR with the address as IFA_LOCAL and IFA_ADDRESS.
struct Request {
  nlmsghdr head;
  ifaddrmsg what;
  char attributes[64];
};

void append(Request& request, uint16_t type, const void* bytes, size_t size) {
  auto* at = reinterpret_cast<rtattr*>(reinterpret_cast<char*>(&request) +
                                       NLMSG_ALIGN(request.head.nlmsg_len));
  at->rta_type = type;
  at->rta_len = static_cast<uint16_t>(RTA_LENGTH(size));
  std::memcpy(RTA_DATA(at), bytes, size);
  request.head.nlmsg_len =
      static_cast<uint32_t>(NLMSG_ALIGN(request.head.nlmsg_len) + RTA_LENGTH(size));
}

// Sends it and waits for the kernel's word: 0 or an errno value.
int ask_kernel(const Request& request) {
  os::Fd fd{socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)};
  if (!fd) return errno;
  if (::send(fd.get(), &request, request.head.nlmsg_len, 0) < 0) return errno;
  alignas(nlmsghdr) char answer[512];
  ssize_t n = ::recv(fd.get(), answer, sizeof answer, 0);
  if (n < 0) return errno;
  const auto* head = reinterpret_cast<const nlmsghdr*>(answer);
  if (static_cast<size_t>(n) < NLMSG_LENGTH(sizeof(nlmsgerr)) || head->nlmsg_type != NLMSG_ERROR)
    return EPROTO;
  return -static_cast<const nlmsgerr*>(NLMSG_DATA(head))->error;
}

// The kernel makes the route to an IPv6 address a moment after it has said yes to the address:
// until something that is sent there arrives, connections fail.
bool is_reachable(const unsigned char* bytes) {
  sockaddr_in6 own{};
  socklen_t size = sizeof own;
  own.sin6_family = AF_INET6;
  std::memcpy(&own.sin6_addr, bytes, sizeof own.sin6_addr);
  auto* address = reinterpret_cast<sockaddr*>(&own);
  os::Fd fd{socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (bind(fd.get(), address, size) != 0 || getsockname(fd.get(), address, &size) != 0)
    return false;
  for (int i = 0; i < kRouteTries; ++i) {
    char byte = 0;
    sendto(fd.get(), &byte, 1, MSG_NOSIGNAL, address, size);
    if (recv(fd.get(), &byte, 1, 0) == 1) return true;
    usleep(kRouteEveryUs);
  }
  return false;
}

}  // namespace

Status bring_loopback_up() {
  os::Fd fd{socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  if (!fd) return io_error("cannot make a socket", errno);
  ifreq loopback{};
  std::strcpy(loopback.ifr_name, "lo");
  if (ioctl(fd.get(), SIOCGIFFLAGS, &loopback) != 0) return io_error("no loopback", errno);
  if (loopback.ifr_flags & IFF_UP) return {};
  loopback.ifr_flags = static_cast<short>(loopback.ifr_flags | IFF_UP);
  if (ioctl(fd.get(), SIOCSIFFLAGS, &loopback) != 0)
    return io_error("cannot bring the loopback up", errno);
  return {};
}

Status add_to_loopback(const std::string& address) {
  unsigned char bytes[16];
  bool is_v6 = address.find(':') != std::string::npos;
  if (inet_pton(is_v6 ? AF_INET6 : AF_INET, address.c_str(), bytes) != 1)
    return io_error("cannot give \"" + address + "\" to the loopback", EINVAL);
  Request request{};
  request.head.nlmsg_len = NLMSG_LENGTH(sizeof request.what);
  request.head.nlmsg_type = RTM_NEWADDR;
  request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
  request.what.ifa_family = static_cast<uint8_t>(is_v6 ? AF_INET6 : AF_INET);
  request.what.ifa_prefixlen = is_v6 ? 128 : 32;
  request.what.ifa_flags = is_v6 ? IFA_F_NODAD : 0;  // else it cannot be bound for a second
  request.what.ifa_index = kLoopbackIndex;
  size_t size = is_v6 ? 16 : 4;
  append(request, IFA_LOCAL, bytes, size);
  append(request, IFA_ADDRESS, bytes, size);
  int reason = ask_kernel(request);
  if (reason != 0 && reason != EEXIST)
    return io_error("cannot give " + address + " to the loopback", reason);
  if (is_v6 && !is_reachable(bytes))
    return io_error("the loopback has no route to " + address, ENETUNREACH);
  return {};
}

}  // namespace trivet::sandbox
