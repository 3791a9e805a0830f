// Attacks over networks and the sockets of this machine.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "probe.h"

static int reach(int kind, char* address) {
  char* port;
  cut(address, &port);
  struct sockaddr_in six_or_four = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
  struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(atoi(port))};
  int is_four = inet_pton(AF_INET, address, &six_or_four.sin_addr) == 1;
  if (!is_four && inet_pton(AF_INET6, address, &six.sin6_addr) != 1) return EDESTADDRREQ;
  int fd = socket(is_four ? AF_INET : AF_INET6, kind | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  struct sockaddr* to = is_four ? (struct sockaddr*)&six_or_four : (struct sockaddr*)&six;
  socklen_t size = is_four ? sizeof six_or_four : sizeof six;
  if (kind == SOCK_DGRAM) return of(sendto(fd, "hostile", 7, 0, to, size));
  if (connect(fd, to, size) == 0) return keep(fd);
  if (errno != EINPROGRESS) return errno;
  struct pollfd wait_for = {fd, POLLOUT, 0};
  if (poll(&wait_for, 1, 500) == 0) return ETIMEDOUT;
  int error = 0;
  size = sizeof error;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  close(fd);
  return error;
}
static int do_tcp(char* address) { return reach(SOCK_STREAM, address); }
static int do_udp(char* address) { return reach(SOCK_DGRAM, address); }
static int local(const char* name, int is_abstract) {
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  strncpy(to.sun_path + is_abstract, name, sizeof to.sun_path - 2);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  int error = of(connect(fd, (struct sockaddr*)&to,
                         offsetof(struct sockaddr_un, sun_path) + is_abstract + strlen(name)));
  close(fd);
  return error;
}
static int do_unix(char* path) { return local(path, 0); }
static int do_abstract(char* name) { return local(name, 1); }
static int do_raw(char* _) { return keep(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)); }
static int do_packet(char* _) { return keep(socket(AF_PACKET, SOCK_RAW, 0)); }
static int do_netlink(char* _) { return keep(socket(AF_NETLINK, SOCK_RAW, 0)); }
static int do_alg(char* _) { return keep(socket(AF_ALG, SOCK_SEQPACKET, 0)); }
static int do_vsock(char* _) { return keep(socket(AF_VSOCK, SOCK_STREAM, 0)); }

const Row kNetwork[] = {
    {"tcp", do_tcp},     {"udp", do_udp},       {"unix", do_unix},       {"abstract", do_abstract},
    {"raw", do_raw},     {"packet", do_packet}, {"netlink", do_netlink}, {"alg", do_alg},
    {"vsock", do_vsock}, {NULL, NULL}};
