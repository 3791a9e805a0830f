#pragma once
// For tests: a process in fresh network and mount namespaces, as root or with a user namespace.

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <string>

namespace trivet::sandbox {

// The exit code of a child that could not be confined: the test is to be skipped.
inline constexpr int kCannotConfine = 77;

inline bool enter_namespaces() {
  bool root = geteuid() == 0;
  std::string uid = std::to_string(geteuid()), gid = std::to_string(getegid());
  if (unshare(CLONE_NEWNET | CLONE_NEWNS | (root ? 0 : CLONE_NEWUSER)) != 0) return false;
  if (!root) {
    std::ofstream{"/proc/self/setgroups"} << "deny";
    std::ofstream{"/proc/self/uid_map"} << "0 " << uid << " 1";
    std::ofstream{"/proc/self/gid_map"} << "0 " << gid << " 1";
  }
  return mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

// Runs `body` in a child with namespaces of its own; its result is the child's exit code. It dies
// with its parent's patience: SIGALRM after a minute.
inline int confined(const std::function<int()>& body) {
  pid_t child = fork();
  if (child == 0) {
    alarm(60);
    _exit(enter_namespaces() ? body() : kCannotConfine);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace trivet::sandbox
