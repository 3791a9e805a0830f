// Calls at a fixed rate, whatever the answers: what a server does that is asked for more than it
// can. (load.c waits for an answer before it asks again, and so never asks for too much.)
//
//   overload PORT RATE SECONDS PATH BODY
//
// Prints {"sent", "late", "ok", "refused", "failed", "ok_per_s", "ok_p50_ms", "ok_p99_ms",
// "refused_p50_ms", "refused_p99_ms", "refused_max_ms"}. Refused is 429 or 503; late are requests
// that could not be sent in time because every connection was in use. Answers must have
// Content-Length.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { kConnections = 1500, kBuffer = 4096, kSamples = 2 * 1000 * 1000 };

struct connection {
  int fd, next_free;
  size_t used;
  double sent;
  char bytes[kBuffer];
};

static struct connection all[kConnections];
static int first_free = -1;
static double ok_ms[kSamples], refused_ms[kSamples];
static long ok, refused, failed;

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int compare(const void* a, const void* b) {
  double x = *(const double*)a, y = *(const double*)b;
  return x < y ? -1 : x > y;
}

static void die(const char* what) {
  perror(what);
  exit(1);
}

static void open_all(int port, int epoll) {
  for (int i = 0; i < kConnections; ++i) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1;
    all[i].fd = socket(AF_INET, SOCK_STREAM, 0);
    if (all[i].fd < 0 || connect(all[i].fd, (struct sockaddr*)&at, sizeof at) != 0) die("connect");
    setsockopt(all[i].fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].fd, &event) != 0) die("epoll_ctl");
    all[i].next_free = first_free;
    first_free = i;
  }
}

// Counts the answer when it is whole.
static void take(struct connection* c) {
  ssize_t got = recv(c->fd, c->bytes + c->used, kBuffer - 1 - c->used, 0);
  if (got <= 0) die("recv");
  c->used += (size_t)got;
  c->bytes[c->used] = '\0';
  char* head_end = strstr(c->bytes, "\r\n\r\n");
  char* length = strcasestr(c->bytes, "content-length:");
  if (!head_end || !length) return;
  size_t whole = (size_t)(head_end + 4 - c->bytes) + strtoul(length + 15, NULL, 10);
  if (c->used < whole) return;
  double took = now_ms() - c->sent;
  int status = atoi(c->bytes + 9);
  if (status == 200)
    ok_ms[ok++ % kSamples] = took;
  else if (status == 429 || status == 503)
    refused_ms[refused++ % kSamples] = took;
  else
    ++failed;
  c->used = 0;
  c->next_free = first_free;
  first_free = (int)(c - all);
}

static double at(const double* sorted, long count, double part) {
  return count == 0 ? 0 : sorted[(long)((double)(count - 1) * part)];
}

int main(int argc, char** argv) {
  if (argc != 6) {
    fprintf(stderr, "usage: overload PORT RATE SECONDS PATH BODY\n");
    return 2;
  }
  double rate = atof(argv[2]) / 1e3, length = atof(argv[3]) * 1e3;
  char request[kBuffer];
  int size = snprintf(request, sizeof request,
                      "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n%s",
                      argv[4], strlen(argv[5]), argv[5]);
  int epoll = epoll_create1(0);
  open_all(atoi(argv[1]), epoll);
  long sent = 0, late = 0;
  double start = now_ms(), end = start + length;
  while (now_ms() < end + 3000 && (now_ms() < end || ok + refused + failed < sent)) {
    double now = now_ms();
    while (now < end && (double)(sent + late) < (now - start) * rate) {
      if (first_free < 0) {
        ++late;
        continue;
      }
      struct connection* c = &all[first_free];
      first_free = c->next_free;
      c->sent = now_ms();
      if (send(c->fd, request, (size_t)size, 0) != size) die("send");
      ++sent;
    }
    struct epoll_event events[256];
    int count = epoll_wait(epoll, events, 256, 1);
    for (int i = 0; i < count; ++i) take(events[i].data.ptr);
  }
  qsort(ok_ms, (size_t)ok, sizeof *ok_ms, compare);
  qsort(refused_ms, (size_t)refused, sizeof *refused_ms, compare);
  printf("{\"sent\": %ld, \"late\": %ld, \"ok\": %ld, \"refused\": %ld, \"failed\": %ld, ", sent,
         late, ok, refused, failed);
  printf("\"ok_per_s\": %.1f, \"ok_p50_ms\": %.2f, \"ok_p99_ms\": %.2f, ",
         (double)ok / length * 1e3, at(ok_ms, ok, 0.5), at(ok_ms, ok, 0.99));
  printf("\"refused_p50_ms\": %.2f, \"refused_p99_ms\": %.2f, \"refused_max_ms\": %.2f}\n",
         at(refused_ms, refused, 0.5), at(refused_ms, refused, 0.99), at(refused_ms, refused, 1));
  return 0;
}
