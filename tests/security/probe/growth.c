// What grows without end. It ends by itself, so that it does no harm where nothing stops it.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "probe.h"

static pid_t born[4096];
static int do_forks(char* count) {  // children that sleep, all at once; they end with this one
  int wanted = atoi(count), n = 0, error = 0;
  while (n < wanted && n < 4096 && !error) {
    pid_t pid = fork();
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (;;) pause();
    }
    if (pid < 0)
      error = errno;
    else
      born[n++] = pid;
  }
  say_number(n);
  for (int i = 0; i < n; i++) kill(born[i], SIGKILL);
  while (n > 0 && wait(NULL) > 0) n--;
  return error;
}
static void* sleeping(void* _) {
  pause();
  return _;
}
static int do_threads(char* count) {
  int wanted = atoi(count), n = 0, error = 0;
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 65536);
  for (pthread_t thread; n < wanted && !error;) {
    error = pthread_create(&thread, &small, sleeping, NULL);
    n += !error;
  }
  say_number(n);
  return error;
}
static int touched(char* mib, int flags, int fd) {
  for (int n = atoi(mib), i = 0; i < n; i++) {
    char* at = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, flags, fd, (off_t)i << 20);
    if (at == MAP_FAILED) return errno;
    memset(at, 1, 1 << 20);
  }
  return 0;
}
static int do_private(char* mib) { return touched(mib, MAP_PRIVATE | MAP_ANONYMOUS, -1); }
static int do_shared(char* mib) { return touched(mib, MAP_SHARED | MAP_ANONYMOUS, -1); }
static int do_memfd(char* mib) {
  int fd = memfd_create("hostile", MFD_CLOEXEC);
  if (fd < 0 || ftruncate(fd, (off_t)atoi(mib) << 20) < 0) return errno;
  return touched(mib, MAP_SHARED, fd);
}
static int do_fill(char* folder) {  // FOLDER:MIB
  static char block[1 << 20];
  char path[256], *mib;
  cut(folder, &mib);
  snprintf(path, sizeof path, "%s/fill-%d", folder, getpid());
  signal(SIGXFSZ, SIG_IGN);
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), error = of(fd);
  if (fd < 0) return error;
  unlink(path);
  long written = 0, wanted = atol(mib) << 20;
  while (!error && written < wanted) {
    ssize_t got = write(fd, block, sizeof block);
    if (got < 0)
      error = errno;
    else
      written += got;
  }
  say_number(written);
  close(fd);
  return error;
}
static int do_inodes(char* folder) {  // FOLDER:COUNT
  char path[256], *count;
  cut(folder, &count);
  int wanted = atoi(count), n = 0, error = 0;
  for (; n < wanted && !error; n++) {
    snprintf(path, sizeof path, "%s/inode-%d-%d", folder, getpid(), n);
    error = keep(open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  }
  say_number(n);
  for (int i = 0; i < n; i++) {
    snprintf(path, sizeof path, "%s/inode-%d-%d", folder, getpid(), i);
    unlink(path);
  }
  return error;
}
static int do_files(char* count) {
  for (int n = atoi(count); n > 0; n--) {
    if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0) return errno;
  }
  return 0;
}
static int do_cpu(char* ms) {  // how much of a processor it gets, in percent, is the detail
  struct timespec start, now, used;
  clock_gettime(CLOCK_MONOTONIC, &start);
  long wall = 0;
  while (wall < atol(ms)) {
    clock_gettime(CLOCK_MONOTONIC, &now);
    wall = (now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000;
  }
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  say_number((used.tv_sec * 1000 + used.tv_nsec / 1000000) * 100 / wall);
  return 0;
}

const Row kGrowth[] = {{"forks", do_forks},   {"threads", do_threads}, {"private", do_private},
                       {"shared", do_shared}, {"memfd", do_memfd},     {"fill", do_fill},
                       {"inodes", do_inodes}, {"files", do_files},     {"cpu", do_cpu},
                       {NULL, NULL}};
