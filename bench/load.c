// The load generator of bench/run: CONNECTIONS keep-alive connections on 127.0.0.1, one request in
// flight on each, for SECONDS.
//
//   load PORT CONNECTIONS SECONDS PATH BODY [PID,PID,...]
//
// Prints {"requests", "failed", "reconnects", "rps", "p50_us", "p99_us", "cpu_us"}: failed counts
// answers that are not 200, reconnects connections that a server closed between two answers (the
// request goes out again on a new one, and its time counts on), cpu_us is the CPU time per request
// of the processes named (all their threads, user and system, from their CPU clocks). Answers must
// have Content-Length.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { kBuffer = 64 * 1024, kConnections = 1024, kSamples = 4 * 1000 * 1000, kPids = 64 };

struct connection {
  int fd;
  size_t used;
  double sent;
  char bytes[kBuffer];
};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

// CPU time of each process so far; of one that has ended, what it was.
static double cpu_of(const pid_t* pids, int count, double* each) {
  double total = 0;
  for (int i = 0; i < count; ++i) {
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(pids[i], &clock) == 0 && clock_gettime(clock, &t) == 0)
      each[i] = (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
    total += each[i];
  }
  return total;
}

static int compare(const void* a, const void* b) {
  double x = *(const double*)a, y = *(const double*)b;
  return x < y ? -1 : x > y;
}

static void die(const char* what) {
  perror(what);
  exit(1);
}

// A server that has closed is noticed when it is read from.
static void send_request(struct connection* c, const char* text, size_t size) {
  c->used = 0;
  c->sent = now();
  if (send(c->fd, text, size, MSG_NOSIGNAL) != (ssize_t)size && errno != EPIPE &&
      errno != ECONNRESET)
    die("load: write");
}

static void connect_to(struct connection* c, int port, int epoll) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int one = 1;
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(c->fd, (struct sockaddr*)&to, sizeof to) != 0) die("load: connect");
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
  epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event);
}

// The same request on a new connection; the time of the wait goes on.
static void again(struct connection* c, int port, int epoll, const char* text, size_t size) {
  double since = c->sent;
  close(c->fd);
  connect_to(c, port, epoll);
  send_request(c, text, size);
  c->sent = since;
}

// 1 when the whole answer is there, its status through `status`; -1 when the server closed instead.
static int receive(struct connection* c, int* status) {
  ssize_t n = read(c->fd, c->bytes + c->used, sizeof c->bytes - 1 - c->used);
  if (n < 0 && errno == EAGAIN) return 0;
  if (n <= 0 && c->used == 0) return -1;
  if (n <= 0) die("load: the server closed the connection within an answer");
  c->used += (size_t)n;
  c->bytes[c->used] = '\0';
  const char* end = strstr(c->bytes, "\r\n\r\n");
  if (!end) return 0;
  const char* length = strcasestr(c->bytes, "\r\ncontent-length:");
  if (!length || length > end) {
    fprintf(stderr, "load: an answer without Content-Length:\n%s\n", c->bytes);
    exit(1);
  }
  *status = atoi(c->bytes + strlen("HTTP/1.1 "));
  return c->used >= (size_t)(end + 4 - c->bytes) + strtoul(length + 17, NULL, 10);
}

int main(int argc, char** argv) {
  if (argc < 6) {
    fprintf(stderr, "usage: load PORT CONNECTIONS SECONDS PATH BODY [PID,PID,...]\n");
    return 2;
  }
  int port = atoi(argv[1]), count = atoi(argv[2]);
  double seconds = atof(argv[3]);
  if (count < 1 || count > kConnections)
    return fprintf(stderr, "load: 1 to %d connections\n", kConnections), 2;
  pid_t pids[kPids];
  int pid_count = 0;
  for (char* pid = argc > 6 ? strtok(argv[6], ",") : NULL; pid && pid_count < kPids;
       pid = strtok(NULL, ","))
    pids[pid_count++] = (pid_t)atoi(pid);

  char* text = NULL;
  int size = asprintf(&text,
                      "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
                      "application/json\r\nContent-Length: %zu\r\n\r\n%s",
                      argv[5][0] ? "POST" : "GET", argv[4], strlen(argv[5]), argv[5]);
  struct connection* all = calloc((size_t)count, sizeof *all);
  double* samples = malloc(sizeof(double) * kSamples);
  int epoll = epoll_create1(0);
  for (int i = 0; i < count; ++i) connect_to(&all[i], port, epoll);
  double each[kPids] = {0}, cpu = cpu_of(pids, pid_count, each), begin = now(),
         end = begin + seconds * 1e6, at = begin;
  for (int i = 0; i < count; ++i) send_request(&all[i], text, (size_t)size);
  size_t done = 0, failed = 0, reconnects = 0;
  while (at < end && done < kSamples) {
    struct epoll_event events[64];
    int ready = epoll_wait(epoll, events, 64, 5000);
    if (ready == 0) return fprintf(stderr, "load: no answer for 5 s\n"), 1;
    for (int i = 0; i < ready; ++i) {
      struct connection* c = events[i].data.ptr;
      int status = 0;
      int got = receive(c, &status);
      if (got < 0) {
        if (++reconnects > done + 1000)
          return fprintf(stderr, "load: the server closes connections without an answer\n"), 1;
        again(c, port, epoll, text, (size_t)size);
      }
      if (got <= 0) continue;
      at = now();
      if (status != 200) ++failed;
      samples[done++] = at - c->sent;
      send_request(c, text, (size_t)size);
    }
  }
  cpu = cpu_of(pids, pid_count, each) - cpu;
  qsort(samples, done, sizeof *samples, compare);
  double n = (double)done;
  printf(
      "{\"requests\": %zu, \"failed\": %zu, \"reconnects\": %zu, \"rps\": %.0f, \"p50_us\": %.2f, "
      "\"p99_us\": %.2f, "
      "\"cpu_us\": %.2f}\n",
      done, failed, reconnects, n / ((at - begin) / 1e6), samples[done / 2],
      samples[done * 99 / 100], cpu / n);
  return 0;
}
