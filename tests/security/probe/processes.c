// Attacks on other processes, and what is seen of them.
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "probe.h"

static int do_kill(char* pid) { return of(kill(atoi(pid), 0)); }
static int do_ptrace(char* pid) {
  return of(ptrace(PTRACE_SEIZE, atoi(pid), 0, 0));
}  // ends with this child
static int do_traceme(char* _) { return of(ptrace(PTRACE_TRACEME, 0, 0, 0)); }
static int do_vmread(char* pid) {
  char byte;
  struct iovec here = {&byte, 1}, there = {(void*)16, 1};
  return past(of(process_vm_readv(*pid ? atoi(pid) : getpid(), &here, 1, &there, 1, 0)), EFAULT);
}
static int do_pidfd(char* pid) {
  int process = syscall(SYS_pidfd_open, *pid ? atoi(pid) : getpid(), 0);
  return process < 0 ? errno : past(keep(syscall(SYS_pidfd_getfd, process, 0, 0)), EBADF);
}
// Looks for a text in the environment of every process that is seen, but for this one's.
static int do_scan(char* text) {
  static char found[1 << 20];
  DIR* folder = opendir("/proc");
  if (!folder) return errno;
  int error = ESRCH;
  for (struct dirent* entry; error && (entry = readdir(folder));) {
    char path[300];
    int pid = atoi(entry->d_name);
    if (!pid || pid == getpid() || pid == getppid()) continue;
    snprintf(path, sizeof path, "/proc/%d/environ", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, found, sizeof found);
    if (fd >= 0) close(fd);
    if (size > 0 && memmem(found, size, text, strlen(text))) error = 0, say(entry->d_name);
  }
  closedir(folder);
  return error;
}

// Leaves the worker's session and parent, with an empty environment and deaf to all that can be
// ignored.
static int do_daemon(char* name) {
  pid_t child = fork();
  if (child != 0) return child > 0 ? of(waitpid(child, NULL, 0)) : errno;
  setsid();
  if (fork() > 0) _exit(0);
  char *arguments[] = {name, "--daemon", NULL}, *none[] = {NULL};
  for (int fd = 0; fd < 64; fd++) close(fd);
  execve(self, arguments, none);
  _exit(1);
}

// Stays, under this name, until it hears SIGTERM: holds a call open for as long as a test looks.
static int do_wait(char* name) {
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  sigprocmask(SIG_BLOCK, &term, NULL);
  prctl(PR_SET_NAME, name);
  int heard = 0;
  return sigwait(&term, &heard);
}

const Row kProcesses[] = {{"kill", do_kill},     {"ptrace", do_ptrace}, {"traceme", do_traceme},
                          {"vmread", do_vmread}, {"pidfd", do_pidfd},   {"scan", do_scan},
                          {"daemon", do_daemon}, {"wait", do_wait},     {NULL, NULL}};
