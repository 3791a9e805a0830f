// What a function may do because of who it is, and programs that would make it more.
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "probe.h"

// Root, or a user that has no number here: the server's own.
static int do_root(char* _) {
  unsigned ids[] = {getuid(), geteuid(), getgid(), getegid()};
  say_number(ids[0]);
  for (int i = 0; i < 4; i++) {
    if (ids[i] == 0 || ids[i] == 65534) return 0;
  }
  return EPERM;
}
static int do_setuid(char* _) { return of(syscall(SYS_setresuid, 0, 0, 0)); }
static int do_setgid(char* _) { return of(syscall(SYS_setresgid, 0, 0, 0)); }
static int do_setgroups(char* _) {
  gid_t root = 0;
  return of(setgroups(1, &root));
}
static int do_groups(char* _) {  // groups of the server's that were kept
  gid_t groups[64];
  int count = getgroups(64, groups);
  for (int i = 0; i < count; i++) {
    if (groups[i] != getgid() && groups[i] != 65534) return say_number(groups[i]), 0;
  }
  return count < 0 ? errno : EPERM;
}
// The value of a line of /proc/self/status.
static const char* status(const char* name) {
  static char text[8192];
  int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (fd >= 0) close(fd);
  text[size > 0 ? size : 0] = 0;
  char* at = strstr(text, name);
  return at ? at + strlen(name) : "";
}
static int do_capabilities(char* _) {
  static const char* const kSets[] = {"CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"};
  int any = 0;
  for (int i = 0; i < 5; i++) any |= strtoull(status(kSets[i]), NULL, 16) != 0;
  return any ? 0 : EPERM;
}
static int do_privileges(char* _) {
  return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 ? 0 : EPERM;
}
static int do_filter(char* _) { return atoi(status("Seccomp:")) == 0 ? 0 : EPERM; }
static int do_map(char* _) {  // every id of this machine is one of ours
  unsigned long inside = 1, outside = 1, count = 0;
  FILE* map = fopen("/proc/self/uid_map", "re");
  if (!map) return errno;
  int got = fscanf(map, "%lu %lu %lu", &inside, &outside, &count);
  fclose(map);
  return got == 3 && inside == 0 && outside == 0 && count == 4294967295ul ? 0 : EPERM;
}
// What a program prints that says its effective user.
static int user_of(pid_t pid, int from) {
  char text[16] = "";
  int result;
  (void)!read(from, text, sizeof text - 1);
  waitpid(pid, &result, 0);
  if (*text) return atoi(text) == 0 ? 0 : EPERM;
  return WIFEXITED(result) && WEXITSTATUS(result) ? WEXITSTATUS(result) : EACCES;
}
static int do_suid(char* path) {  // a copy of this program that belongs to root and has the bit
  int out[2];
  if (pipe(out) < 0) return errno;
  pid_t pid = fork();
  if (pid < 0) return errno;
  if (pid == 0) {
    dup2(out[1], 1);
    execl(path, path, "--uid", NULL);
    _exit(errno);
  }
  close(out[1]);
  return user_of(pid, out[0]);
}
static int do_system_suid(
    char* path) {  // one of this machine's, that asks for a password; its user is seen from here
  int in[2], error = EPERM;
  if (pipe(in) < 0) return errno;
  if (access(path, X_OK) < 0) return errno;
  pid_t pid = fork();
  if (pid < 0) return errno;
  if (pid == 0) {
    int none = open("/dev/null", O_WRONLY);
    dup2(in[0], 0), dup2(none, 1), dup2(none, 2);
    setsid();
    execl(path, path, "root", "-c", "true", NULL);
    _exit(1);
  }
  char at[64];
  snprintf(at, sizeof at, "/proc/%d", pid);
  for (int i = 0; i < 100 && error; i++) {
    struct stat who;
    if (stat(at, &who) < 0 || waitpid(pid, NULL, WNOHANG) == pid) return EPERM;
    if (who.st_uid == 0) error = 0;
    usleep(2000);
  }
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  return error;
}
static int do_memfd_exec(char* _) {
  int from = open(self, O_RDONLY | O_CLOEXEC), to = memfd_create("hostile", MFD_CLOEXEC);
  if (from < 0 || to < 0) return errno;
  static char block[1 << 16];
  for (ssize_t size; (size = read(from, block, sizeof block)) > 0;) {
    if (write(to, block, size) != size) return errno;
  }
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", to);
  return past(do_suid(path), EPERM);  // it ran, whoever it was
}

const Row kPrivileges[] = {{"root", do_root},
                           {"setuid", do_setuid},
                           {"setgid", do_setgid},
                           {"setgroups", do_setgroups},
                           {"groups", do_groups},
                           {"capabilities", do_capabilities},
                           {"privileges", do_privileges},
                           {"filter", do_filter},
                           {"map", do_map},
                           {"suid", do_suid},
                           {"system-suid", do_system_suid},
                           {"memfd-exec", do_memfd_exec},
                           {NULL, NULL}};
