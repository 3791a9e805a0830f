#pragma once
// The launcher's side: one thread that starts children, has zygotes fork, buries the dead and
// reports them.
//
// It is the subreaper of everything that comes of it: what outlives its own parent becomes ours, so
// nothing escapes. A child's end is handled in one order: what it left behind is killed while the
// child is still a zombie and keeps its pid, then it is reaped, then the host is told. Forks of a
// zygote are the zygote's children: it reaps them when we ask for it. When the host is gone
// everything is killed; when we are gone the kernel kills our children, and theirs with them
// (PR_SET_PDEATHSIG).
//
// What is to be confined joins a shell (shells.h), which is mounted what its function needs: at the
// start of a program, or when a blank one is assigned to a function. A shell ends with the child
// that it was taken for, and with it all that is inside. Files: serving.cc starts and buries,
// zygotes.cc has zygotes fork, confining.cc is the shells' part.

#include <sys/resource.h>
#include <sys/types.h>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "launcher/messages.h"
#include "launcher/shells.h"
#include "os/fd.h"
#include "os/spawn.h"
#include "sandbox/join.h"

namespace trivet::launcher {

class Serving {
 public:
  // `socket` leads to the host. Call once per process.
  explicit Serving(os::Fd socket);
  // Until the host is gone and nothing of its children is left. The exit code of the program.
  int run();

 private:
  // A fork that has said that it is confined. Its zygote may not have told of it yet.
  struct Joined {
    pid_t pid = -1;      // here
    pid_t number = -1;   // as it and its zygote know it
    uint32_t shell = 0;  // joined by it; 0: its zygote's
    std::string group;   // its own, when it has no shell of its own
    std::string trouble;
  };
  struct Child {
    uint32_t ticket = 0;
    pid_t pid = -1;     // -1: a fork that was asked for
    pid_t number = -1;  // as its zygote knows it
    std::string cookie;
    uint32_t zygote = 0;  // whose fork it is; 0 = our own child
    os::Fd pidfd;         // of a fork
    os::Fd control;       // of a zygote: our end
    bool killed = false;
    bool reaping = false;  // its zygote was asked to
    int64_t heard_ms = 0;  // of a zygote: when it answered last
    int64_t asked_ms = 0;  // when its zygote was asked to fork or reap; 0 = it answered
    uint32_t shell = 0;    // its own; 0: none, or that of its zygote
    std::string group;     // its own control group, when it has no shell of its own
    sandbox::Limits limits;
    sandbox::Level level = sandbox::Level::kTrusted;
    std::optional<sandbox::Policy> assignment;  // came before it was there
    // Of a zygote with a fork guard.
    os::Fd shells;                // where it is sent shells
    std::deque<uint32_t> queued;  // sent, not joined yet
    std::vector<Joined> joined;   // not yet told of by it
  };
  // A start that waits for a shell.
  struct Waiting {
    Message message;
    std::vector<os::Fd> fds;
  };

  // serving.cc
  void on_host();
  void on_dead_children();
  void start(Message& message, std::vector<os::Fd>& fds);
  void kill(uint32_t ticket);
  void bury(Child& child);
  void kill_leftovers(const Child& child);
  void report(Child& child, int wait_status, const rusage& used);
  void forget(uint32_t ticket);
  void refuse(uint32_t ticket, std::string why);
  void tell(const Message& message, const std::vector<int>& fds = {});
  bool ended_for_want_of_memory();
  void end_everything();
  void adopt(Child child, uint32_t ticket);
  // confining.cc
  bool take_shell(Child& child, Message& message, std::vector<os::Fd>& fds);
  Result<os::Child> spawn_in(Child& child, const Message& message, os::SpawnPlan& plan);
  Status guard_zygote(Child& child, const Message& message, os::SpawnPlan& plan, os::Fd& theirs);
  void feed_zygotes();
  static constexpr int kShellTries = 3;  // shells that end under a start
  static bool was_gone(const Error& error);
  static void let_open_again(const std::vector<os::Fd>& fds);
  void on_shell(uint32_t number);
  void serve_waiting();
  size_t missing_shells() const;
  void forget_waiting(uint32_t ticket);
  static std::string cannot_sandbox(const std::string& why);
  void assign(Message& message);
  void assign_now(Child& child, const sandbox::Policy& policy);
  void on_joined(Child& zygote, pid_t pid, const std::string& body);
  void confine_joined(Child& zygote, Joined& joined, uint32_t shell);
  void forget_joined(const Joined& joined);
  void end_unclaimed(Child& zygote);
  pid_t number_beside(const Child& zygote, pid_t pid) const;
  pid_t pid_of(const Child& zygote, pid_t number) const;
  sandbox::Joining joining(const sandbox::Policy& policy, uint32_t shell);
  void answer_probe(uint32_t ticket);
  void tell_limits();
  void mark_left_out(std::vector<sandbox::Layer>& layers) const;
  void tell_doors(const Child& child);
  // zygotes.cc
  void fork(const Message& message, const std::vector<os::Fd>& fds);
  void on_control(uint32_t ticket);
  void on_forked(Child& child, const std::string& body);
  void claim(Child& child, const Joined& joined);
  static void drop_fork(const Child& zygote, pid_t pid, pid_t number);
  void take_in(Child& child, const Joined& joined);
  void on_fork_ended(Child& child);
  void orphan_forks(uint32_t zygote);
  void end_silent_zygotes();
  static bool make_control(os::Fd& ours, os::Fd& theirs);
  // What epoll tells apart: the host, our dead children, of a child its end or its control socket,
  // and a shell that is being made.
  enum class Source : uint64_t { kHost, kSignals, kPidfd, kControl, kShell };
  void watch(int fd, Source source, uint32_t ticket = 0);

  os::Fd host_, epoll_, signals_;
  Groups groups_;
  Shells shells_;
  std::deque<Waiting> waiting_;
  os::Fd guard_;  // the fork guard's library
  sandbox::Rights rights_;
  bool host_gone_ = false;
  std::map<uint32_t, Child> children_;
  std::unordered_map<pid_t, uint32_t> by_pid_;
  int64_t oom_kills_ = 0;
  int unanswered_ = 0;  // questions to zygotes, at least as many as there are
};

}  // namespace trivet::launcher
