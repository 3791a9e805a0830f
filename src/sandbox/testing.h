#pragma once
// For tests of what confines for good: each try runs in a child of its own.

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

namespace trivet::sandbox {

// What `what` returns (0 to 255) in a child, or -signal when one ended it.
inline int in_plain_child(const std::function<int()>& what) {
  pid_t child = fork();
  if (child == 0) _exit(what());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// The same in one that may gain no new privileges.
inline int in_child(const std::function<int()>& what) {
  return in_plain_child([&] { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? what() : 255; });
}

}  // namespace trivet::sandbox
