// The fork guard: a small library that a zygote is started with (LD_PRELOAD). It puts itself before
// the C library's fork(), so that whatever the zygote's interpreter forks is confined before the
// interpreter sees it: shims need to know nothing of it.
//
// A runtime's zygote is trusted and not confined. The launcher sends it shells ahead, on a socket
// of their own; each fork takes the next and joins it. A function's zygote is such a fork: its own
// forks are confined already and only part from their siblings. Every fork of either says so on the
// control socket (descriptor 5) before it goes on; the launcher knows by that who it is, and what
// did not say so is killed.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/guard/guard.h"
#include "sandbox/join.h"

namespace {

using trivet::sandbox::Joining;
using trivet::sandbox::kGuardVariable;

constexpr int kControl = 5;
constexpr int kTries = 3;
constexpr uint8_t kJoined = 75;  // docs/formats/frame.md

int shells = -1;    // where the launcher sends them; -1: not a runtime's zygote
int own_pids = -1;  // our pid namespace
bool is_confined = false;
pid_t parent = 0;  // of this process, as it was before it got another pid namespace
pid_t (*real_fork)() = nullptr;
pid_t (*real_getppid)() = nullptr;

// The next shell, kept while no fork has used it.
Joining how;
int shell = -1;
bool has_next = false;

bool take_next() {
  if (has_next) return true;
  iovec part{&how, sizeof how};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t n;
  do n = recvmsg(shells, &header, MSG_CMSG_CLOEXEC);
  while (n < 0 && errno == EINTR);
  if (n != static_cast<ssize_t>(sizeof how)) return false;
  shell = -1;
  if (cmsghdr* rights = CMSG_FIRSTHDR(&header)) memcpy(&shell, CMSG_DATA(rights), sizeof shell);
  return has_next = true;
}

void say_joined(const char* trouble, int error) {
  char body[160];
  int size = snprintf(body, sizeof body, "%d %u %s%s%s", static_cast<int>(syscall(SYS_getpid)),
                      how.shell, trouble, error ? ": " : "", error ? strerror(error) : "");
  char frame[16 + sizeof body] = {};
  uint32_t length = static_cast<uint32_t>(12 + size);
  for (int i = 0; i < 4; ++i) frame[i] = static_cast<char>(length >> (24 - 8 * i));
  frame[4] = static_cast<char>(kJoined);
  memcpy(frame + 16, body, static_cast<size_t>(size));
  send(kControl, frame, 16 + static_cast<size_t>(size), MSG_NOSIGNAL);
}

// In the child of a runtime's zygote.
void confine(pid_t from) {
  parent = from;
  is_confined = true;
  const char* step = "";
  int error = trivet::sandbox::join(how, shell, &step);
  // As one that execs is: it may read its own /proc/self. Tracing is the filter's business.
  prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  if (shell >= 0) close(shell);
  close(shells);
  close(own_pids);
  shells = own_pids = shell = -1;
  has_next = false;
  say_joined(error ? step : "", error);
  if (error) _exit(126);
}

// Chooses the pid namespace of the next fork. A shell that has ended meanwhile is passed over.
bool enter_next(bool* has_pids) {
  for (int tries = 0; tries < kTries && take_next(); ++tries) {
    *has_pids = shell >= 0 && (how.without >> trivet::sandbox::kNoPids & 1) == 0;
    if (!*has_pids || setns(shell, CLONE_NEWPID) == 0) return true;
    close(shell);
    shell = -1;
    has_next = false;
  }
  errno = EAGAIN;
  return false;
}

pid_t fork_into_shell() {
  bool has_pids = false;
  if (!enter_next(&has_pids)) return -1;
  pid_t self = getpid();
  pid_t pid = real_fork();
  if (pid == 0) {
    confine(self);
    return 0;
  }
  int error = errno;
  if (has_pids && setns(own_pids, CLONE_NEWPID) != 0)
    _exit(126);  // lost: our forks would be inside
  if (pid > 0) {
    if (shell >= 0) close(shell);
    shell = -1;
    has_next = false;
  }
  errno = error;
  return pid;
}

bool is_zygote() {
  int type = 0;
  socklen_t size = sizeof type;
  return getsockopt(kControl, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

__attribute__((constructor)) void begin() {
  real_fork = reinterpret_cast<pid_t (*)()>(dlsym(RTLD_NEXT, "fork"));
  real_getppid = reinterpret_cast<pid_t (*)()>(dlsym(RTLD_NEXT, "getppid"));
  const char* said = getenv(kGuardVariable);
  if (!said) return;
  shells = atoi(said);
  fcntl(shells, F_SETFD, FD_CLOEXEC);
  close(trivet::sandbox::kGuardLibraryFd);
  own_pids = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
  unsetenv(kGuardVariable);
  unsetenv("LD_PRELOAD");
}

}  // namespace

extern "C" __attribute__((visibility("default"))) pid_t fork() {
  if (shells >= 0) return fork_into_shell();
  bool is_sibling = is_confined && is_zygote();
  pid_t pid = real_fork();
  if (pid == 0 && is_sibling) {
    int error = trivet::sandbox::part_from_siblings();
    say_joined(error ? "part from its siblings" : "", error);
    if (error) _exit(126);
  }
  return pid;
}

// A parent in another pid namespace has no number here. Shims compare it with what it was before.
extern "C" __attribute__((visibility("default"))) pid_t getppid() {
  pid_t pid = real_getppid();
  return pid == 0 && parent != 0 ? parent : pid;
}
