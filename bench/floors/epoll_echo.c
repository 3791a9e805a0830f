// The floor of an HTTP server: one epoll, one read and one write per request, nothing else. Echoes
// a request's body when Content-Length gives it; knows no chunks, no limits, no timeouts.
//
//   cc -O2 epoll_echo.c -o epoll_echo && ./epoll_echo 7100
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { kBuffer = 64 * 1024, kEvents = 256, kBacklog = 1024 };

struct connection {
  int fd;
  size_t used;
  char bytes[kBuffer];
};

// Length of the first whole request, 0 when there is none; *body and *size get its body.
static size_t whole_request(const struct connection* c, const char** body, size_t* size) {
  const char* end = memmem(c->bytes, c->used, "\r\n\r\n", 4);
  if (!end) return 0;
  *body = end + 4;
  *size = 0;
  for (const char* line = c->bytes; line < end;) {
    if (strncasecmp(line, "content-length:", 15) == 0) *size = strtoul(line + 15, NULL, 10);
    line = (const char*)memchr(line, '\n', (size_t)(end + 4 - line)) + 1;
  }
  size_t whole = (size_t)(*body - c->bytes) + *size;
  return whole <= c->used ? whole : 0;
}

static int write_all(int fd, const char* bytes, size_t size) {
  while (size > 0) {
    ssize_t n = write(fd, bytes, size);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) return -1;
    bytes += n;
    size -= (size_t)n;
  }
  return 0;
}

// 0 while the connection lives.
static int serve(struct connection* c) {
  static char out[kBuffer + 256];
  ssize_t n = read(c->fd, c->bytes + c->used, sizeof c->bytes - 1 - c->used);
  if (n <= 0) return n < 0 && errno == EAGAIN ? 0 : -1;
  c->used += (size_t)n;
  c->bytes[c->used] = '\0';
  for (;;) {
    const char* body;
    size_t size, whole = whole_request(c, &body, &size);
    if (whole == 0) return c->used == sizeof c->bytes - 1 ? -1 : 0;
    int head = snprintf(
        out, 256,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n", size);
    memcpy(out + head, body, size);
    if (write_all(c->fd, out, (size_t)head + size) != 0) return -1;
    memmove(c->bytes, c->bytes + whole, c->used - whole);
    c->used -= whole;
  }
}

static int listen_on(int port) {
  int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (struct sockaddr*)&address, sizeof address) != 0 || listen(fd, kBacklog) != 0) {
    perror("epoll_echo: cannot listen");
    exit(1);
  }
  return fd;
}

static void accept_one(int listening, int epoll) {
  int on = 1, fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  struct connection* c = fd < 0 ? NULL : malloc(sizeof *c);
  if (!c) return;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  c->fd = fd;
  c->used = 0;
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

int main(int argc, char** argv) {
  int listening = listen_on(argc > 1 ? atoi(argv[1]) : 7100), epoll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[kEvents];
  epoll_ctl(epoll, EPOLL_CTL_ADD, listening, &event);
  for (;;) {
    int count = epoll_wait(epoll, events, kEvents, -1);
    for (int i = 0; i < count; ++i) {
      struct connection* c = events[i].data.ptr;
      if (!c) {
        accept_one(listening, epoll);
      } else if (serve(c) != 0) {
        close(c->fd);
        free(c);
      }
    }
  }
}
