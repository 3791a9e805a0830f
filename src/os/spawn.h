#pragma once
// Starts one process, cheaply whatever the size of ours: clone(CLONE_VM | CLONE_VFORK) shares the
// memory until exec. The only code between clone and exec is in spawn.cc.

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "os/fd.h"

namespace trivet::os {

struct SpawnPlan {
  std::vector<std::string> argv;
  std::vector<std::string> env;  // "KEY=value", the whole environment
  std::string cwd;               // empty = ours
  std::vector<std::pair<int, int>>
      fds;                   // {number in the child, our descriptor}; all others are closed by exec
  std::string program{};     // an absolute path, nothing is searched; empty = argv[0]
  bool outlives_us = false;  // no SIGKILL when the thread that started it ends
  // Runs in the child, before it enters its folder: 0 or errno, and what failed in words. It shares
  // our memory: system calls only.
  int (*prepare)(void* with, const char** step) = nullptr;
  void* with = nullptr;
  // It begins in the pid namespace of this process (a pidfd); -1: in ours.
  int beside = -1;
  bool own_pid_namespace = false;  // it is the first process of a new one
  bool is_sibling = false;         // its parent is ours: that one reaps it
};

struct Child {
  pid_t pid = -1;
  Fd pidfd;  // readable when the process has ended
};

// The child leads a session of its own (its pid is its process group) and gets SIGKILL when the
// starting thread dies, unless the plan says otherwise. Every descriptor of ours must be
// close-on-exec. kIo with the path and errno's text when it cannot be started.
Result<Child> spawn(const SpawnPlan& plan);

// How a process ended: exactly one of code >= 0 or signal > 0.
struct ExitStatus {
  int code = -1;
  int signal = 0;
  std::string text() const;  // "exit code 3", "signal SIGKILL"
};
ExitStatus exit_status(int wait_status);  // as wait4() and waitpid() give it
// Reaps an ended child; call once its pidfd is readable. Blocks otherwise.
ExitStatus reap(const Child& child);

// SIGKILL to the process and to everything that it started: its process group, its session, its
// descendants, and orphans that carry `cookie` ("TRIVET_WORKER=...") in their environment. Call
// before reap(): a zombie keeps its pid.
void kill_tree(pid_t pid, const std::string& cookie);
// The process group only: enough after an ordinary exit, and cheap.
void kill_group(pid_t pid);
// SIGKILL to every process with an environment variable that begins with `prefix`
// ("TRIVET_WORKER=<pid>."), except ourselves.
void kill_marked(const std::string& prefix);
// The children of this process that are there now, zombies included. Reads /proc.
std::vector<pid_t> children();

// Bytes of memory of a process, each page shared with others counted as its share (PSS); 0 when it
// is gone or may not be looked at. Reads /proc: about 0.1 ms.
int64_t memory_share(pid_t pid);

std::string signal_name(int signal);  // "SIGKILL"

}  // namespace trivet::os
