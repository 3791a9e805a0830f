#pragma once
// Groups: the control groups of one launcher (sandbox/cgroups.h), made ahead of those who will need
// them, and removed when nothing is left in them.
//
// Where the machine has none, everything here does nothing and says that it is well: whether a
// level can do without is decided by who asks for layers().

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "os/fd.h"
#include "sandbox/cgroups.h"

namespace trivet::launcher {

class Groups {
 public:
  Groups();
  ~Groups();

  // A blank group, which is the caller's until end(); empty when there are none.
  std::string take();
  // Of all that is in it from now on. kIo when the kernel refuses, and when a limit that somebody
  // has asked for cannot be had; the usual ones are left out then (layers() says so).
  Status limit(const std::string& group, const sandbox::Limits& limits);
  Status add(const std::string& group, pid_t process);
  // Files in which a process that writes "0" enters the group: for one that must not begin outside.
  std::vector<os::Fd> entrances(const std::string& group) const;
  // Its processes are killed, it is removed once they are gone.
  void end(const std::string& group);

  uint32_t without = 0;  // limits left out: sandbox::Omission
  bool counts_pids() const { return counts_pids_; }
  bool ran_out_of_memory(const std::string& group) const;
  std::vector<sandbox::Layer> layers() const;

  // Makes what is missing and removes what has ended; the milliseconds until there is something to
  // do again, -1: nothing.
  int tend(int64_t now_ms);

 private:
  void kill(const std::string& group);

  sandbox::Kernel kernel_;
  std::optional<sandbox::Cgroups> cgroups_;
  std::string broken_;
  std::vector<sandbox::Layer> lacking_;  // those of layers() that are not active
  bool counts_pids_ = false;
  std::deque<std::string> ready_, ending_;
  int64_t next_ = 1;
  int64_t tend_at_ms_ = 1;  // 0: nothing to do
};

}  // namespace trivet::launcher
