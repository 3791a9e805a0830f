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

#include <sys/resource.h>
#include <sys/types.h>

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "launcher/messages.h"
#include "os/fd.h"

namespace trivet::launcher {

class Serving {
 public:
  // `socket` leads to the host. Call once per process.
  explicit Serving(os::Fd socket);
  // Until the host is gone and nothing of its children is left. The exit code of the program.
  int run();

 private:
  struct Child {
    uint32_t ticket = 0;
    pid_t pid = -1;  // -1: a fork that was asked for
    std::string cookie;
    uint32_t zygote = 0;  // whose fork it is; 0 = our own child
    os::Fd pidfd;         // of a fork
    os::Fd control;       // of a zygote: our end
    bool killed = false;
    bool reaping = false;  // its zygote was asked to
    int64_t heard_ms = 0;  // of a zygote: when it answered last
    int64_t asked_ms = 0;  // when its zygote was asked to fork or reap; 0 = it answered
  };

  // serving.cc
  void on_host();
  void on_dead_children();
  void start(Message& message, const std::vector<os::Fd>& fds);
  void kill(uint32_t ticket);
  void bury(Child& child);
  void kill_leftovers(const Child& child);
  void report(Child& child, int wait_status, const rusage& used);
  void forget(uint32_t ticket);
  void refuse(uint32_t ticket, std::string why);
  void tell(const Message& message);
  bool ended_for_want_of_memory();
  void end_everything();
  // zygotes.cc
  void fork(const Message& message, const std::vector<os::Fd>& fds);
  void on_control(uint32_t ticket);
  void on_forked(Child& child, const std::string& body);
  void on_fork_ended(Child& child);
  void orphan_forks(uint32_t zygote);
  void end_silent_zygotes();
  static bool make_control(os::Fd& ours, os::Fd& theirs);
  // What epoll tells apart: the host, our dead children, and of a child its end or its control
  // socket.
  enum class Source : uint64_t { kHost, kSignals, kPidfd, kControl };
  void watch(int fd, Source source, uint32_t ticket = 0);

  os::Fd host_, epoll_, signals_;
  bool host_gone_ = false;
  std::map<uint32_t, Child> children_;
  std::unordered_map<pid_t, uint32_t> by_pid_;
  int64_t oom_kills_ = 0;
  int unanswered_ = 0;  // questions to zygotes, at least as many as there are
};

}  // namespace trivet::launcher
