#pragma once
// Shells: the sandboxes of one launcher (sandbox/shell.h), made ahead of those who will need them.
//
// Two are kept ready. What is taken is made again a moment later, not at once: the start that took
// it comes first. Each has a user of the host's to itself while we are root. What could not be made
// is remembered in words and tried again when somebody asks.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "launcher/groups.h"
#include "launcher/waiter.h"
#include "sandbox/join.h"
#include "sandbox/shell.h"

namespace trivet::launcher {

int64_t now_ms();  // monotonic

class Shells {
 public:
  // Names one; 0 is none.
  using Number = uint32_t;
  // `watch` is given each socket to wait on; on_readable() is called then.
  Shells(std::function<void(int fd, Number)> watch, Groups& groups);

  // What every sandbox sees from now on. Ready ones that see something else are ended.
  void set_paths(std::vector<std::string> paths);
  // Begins to keep some ready.
  void open() { is_open_ = true; }
  // One that is ready, which is the caller's from now on; 0: there is none. Then as many are made
  // as are `needed`: on_readable() tells.
  Number take(bool host_network, size_t needed);
  void end(Number number);  // kills all that is inside
  // Null when its init has ended.
  sandbox::Shell* find(Number number);
  Status complete(Number number, const sandbox::Policy& policy);
  sandbox::RootPlan plan(bool host_network) const;
  // The control group of all that is inside; empty: there are none.
  std::string group_of(Number number) const;

  // The process that waits inside for a program to start, when it is there.
  std::optional<Waiter> take_waiter(Number number);

  enum class News { kNothing, kReady, kBroken };
  News on_readable(Number number);
  const std::string& broken() const { return broken_; }  // why the last could not be made
  bool is_making(bool host_network) const { return count(State::kMaking, host_network) > 0; }
  // Is it the init of one, or a waiter? It is a zombie then, and is reaped here.
  bool bury(pid_t pid);
  bool owns(pid_t pid) const { return by_init_.count(pid) > 0 || waiters_.count(pid) > 0; }

  // Makes what is missing, when it is time; the milliseconds until then, -1: nothing to do.
  int refill(int64_t now_ms);
  void end_all();

  // A user of the host's for a process without a shell; sandbox::kStay: there is but our own.
  uint32_t process_id();
  // What joins one gets its pid namespace.
  bool has_pids() const { return (without >> sandbox::kNoPids & 1) == 0; }
  // There are more users than our own.
  bool has_ids = false;

  uint32_t without = 0;  // layers left out: sandbox::Omission

 private:
  enum class State { kMaking, kReady, kTaken, kEnded };
  struct Made {
    sandbox::Shell shell;
    State state = State::kMaking;
    bool host_network = false;
    std::string group;
    int64_t begun_ms = now_ms();
    std::optional<Waiter> waiter{};
  };
  bool begin(bool host_network);
  News begin_again(Number number);
  int end_stopped(int64_t now_ms);
  void begin_waiter(Made& made);
  static bool has_ended(const sandbox::Shell& shell);
  uint32_t free_id();
  int count(State state, bool host_network) const;

  std::function<void(int, Number)> watch_;
  Groups& groups_;
  std::vector<std::string> paths_;
  std::map<Number, Made> made_;
  std::map<pid_t, Number> by_init_;
  std::set<pid_t> waiters_;
  std::set<uint32_t> ids_;  // in use
  uint32_t next_id_;
  Number next_ = 1;
  bool is_open_ = false;
  int64_t refill_at_ms_ = 0;  // 0: nothing to do
  std::string broken_;
  int ended_early_ = 0;  // in a row
};

}  // namespace trivet::launcher
