#pragma once
// Waiter: a process that waits where a program will start.
//
// To enter a control group takes up to 15 ms where groups are of version 1: the kernel waits until
// every processor has seen it (measured; docs/ARCHITECTURE.md). What is forked by a process inside
// begins there at once. So a fork of the launcher enters a shell's group ahead of time and starts
// the one program that the shell was made for, as the launcher's own child; then it ends.

#include <sys/types.h>

#include <vector>

#include "base/result.h"
#include "os/fd.h"
#include "os/spawn.h"
#include "sandbox/join.h"

namespace trivet::launcher {

// What the child of os::spawn() does before it execs.
struct Entry {
  sandbox::Joining how;
  int shell = -1;                // the pidfd of its init
  std::vector<os::Fd> groups{};  // Groups::entrances()
};
Result<os::Child> spawn(os::SpawnPlan& plan, Entry& entry);

class Waiter {
 public:
  // Forks it. `shell`: the pidfd of the init of the sandbox that the program will join, and in
  // whose pid namespace it begins unless that layer is left out.
  static Result<Waiter> begin(int shell, bool enters_pids, const std::vector<os::Fd>& entrances);
  pid_t pid() const { return pid_; }
  // Is it where it should wait?
  bool is_ready();
  // Once. Of the plan: argv, env, cwd and fds. Blocks until the program runs, as os::spawn() does.
  // kIo as os::spawn(), and ESRCH's text when the waiter itself has ended or does not answer.
  Result<os::Child> spawn(const os::SpawnPlan& plan, const Entry& entry);

 private:
  Waiter(pid_t pid, os::Fd socket) : pid_(pid), socket_(std::move(socket)) {}
  pid_t pid_;
  os::Fd socket_;  // it ends when ours is closed
  bool is_ready_ = false;
};

}  // namespace trivet::launcher
