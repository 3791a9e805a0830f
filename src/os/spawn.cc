#include "os/spawn.h"

#include <fcntl.h>
#include <sanitizer/asan_interface.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <unistd.h>

#include <cerrno>
#include <cstring>

#ifdef __SANITIZE_THREAD__
// The C library's own name for it. The thread sanitizer wraps clone() and then takes a child that
// shares our memory for a forked one: it ignores every lock of the thread from then on.
extern "C" int __clone(int (*run)(void*), void* stack, int flags, void* arg, ...);
#define clone __clone
#endif

namespace trivet::os {
namespace {

// What the child needs, prepared before clone: between clone and exec nothing allocates. The child
// shares our memory, so it reports its failure by writing here.
struct ChildPlan {
  const char* program;
  char* const* argv;
  char* const* env;
  const char* cwd;  // nullptr = stay
  const std::pair<int, int>* fds;
  size_t fd_count;
  bool outlives_us;
  int (*prepare)(void*, const char**);
  void* with;
  int beside;
  char* second_stack;
  pid_t second = -1;          // written by the kernel before that runs
  int failure = 0;            // errno
  const char* step = "exec";  // which call failed
};

constexpr size_t kStackSize = 64 * 1024;
constexpr int kFirstSpareFd =
    64;  // sources are moved above every target before they are put in place
constexpr size_t kMaxFds = 8;

// What runs in the child must not be instrumented: it shares the state of the sanitizers with the
// thread that waits for it, and never returns.
#define TRIVET_IN_CHILD __attribute__((no_sanitize("thread"), no_sanitize("address")))

TRIVET_IN_CHILD bool place_fds(const ChildPlan& plan) {
  int moved[kMaxFds];
  for (size_t i = 0; i < plan.fd_count; ++i) {
    moved[i] = fcntl(plan.fds[i].second, F_DUPFD_CLOEXEC, kFirstSpareFd);
    if (moved[i] < 0) return false;
  }
  for (size_t i = 0; i < plan.fd_count; ++i)
    if (dup2(moved[i], plan.fds[i].first) < 0) return false;
  return true;
}

TRIVET_IN_CHILD int run_child(void* arg) {
  auto& plan = *static_cast<ChildPlan*>(arg);
  auto fail = [&plan](const char* step) {
    plan.failure = errno;
    plan.step = step;
    _exit(127);
  };
  setsid();
  if (!plan.outlives_us) prctl(PR_SET_PDEATHSIG, SIGKILL);
  struct sigaction ignored {};
  for (int sig : {SIGPIPE, SIGCHLD, SIGHUP, SIGINT, SIGTERM}) {
    if (sigaction(sig, nullptr, &ignored) == 0 && ignored.sa_handler == SIG_IGN) {
      ignored.sa_handler = SIG_DFL;
      sigaction(sig, &ignored, nullptr);
    }
  }
  sigset_t none;
  sigemptyset(&none);
  if (!place_fds(plan)) fail("place descriptors");
  const char* step = "prepare";
  if (plan.prepare && (errno = plan.prepare(plan.with, &step)) != 0) fail(step);
  if (!plan.outlives_us) prctl(PR_SET_PDEATHSIG, SIGKILL);  // a change of the user takes it back
  if (plan.cwd && chdir(plan.cwd) != 0) fail("enter the folder");
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execve(plan.program, plan.argv, plan.env);
  fail("exec");
  return 127;
}

// Only children of a process get the pid namespace that it has entered: so this one has a child for
// it, which is the child of our parent, and ends.
TRIVET_IN_CHILD int run_beside(void* arg) {
  auto& plan = *static_cast<ChildPlan*>(arg);
  if (syscall(SYS_setns, plan.beside, CLONE_NEWPID) != 0 ||
      clone(run_child, plan.second_stack + kStackSize,
            CLONE_VM | CLONE_VFORK | CLONE_PARENT | CLONE_PARENT_SETTID | SIGCHLD, arg,
            &plan.second) < 0) {
    plan.failure = errno;
    plan.step = "enter the pid namespace";
  }
  _exit(0);
}

// Both ends are closed by exec, and above what is put in place in a child.
bool make_high_pipe(Fd& read_end, Fd& write_end) {
  int pair[2];
  if (pipe2(pair, O_CLOEXEC) != 0) return false;
  Fd low_read{pair[0]}, low_write{pair[1]};
  read_end = Fd{fcntl(pair[0], F_DUPFD_CLOEXEC, kFirstSpareFd)};
  write_end = Fd{fcntl(pair[1], F_DUPFD_CLOEXEC, kFirstSpareFd)};
  return read_end && write_end;
}

pid_t clone_one(ChildPlan& plan, char* stack, int flags, Fd& pidfd) {
  int made = -1;
  pid_t pid = clone(run_child, stack + kStackSize, flags | CLONE_PIDFD, &plan, &made);
  if (pid > 0) pidfd = Fd{made};
  return pid;
}

// Somebody may kill the first at any moment, also while the second runs on our memory: only the
// end of the pipe that both hold open says that neither does any more.
pid_t clone_beside(ChildPlan& plan, char* stack, int flags, Fd& pidfd) {
  Fd end, held;
  if (!make_high_pipe(end, held)) return -1;
  pid_t first = clone(run_beside, stack + kStackSize, flags, &plan);
  if (first < 0) return -1;
  held.reset();
  char none = 0;
  while (read(end.get(), &none, 1) < 0 && errno == EINTR) continue;
  while (waitpid(first, nullptr, 0) < 0 && errno == EINTR) continue;
  if (plan.second > 0)
    pidfd = Fd{static_cast<int>(syscall(SYS_pidfd_open, plan.second, 0))};
  else if (plan.failure == 0)
    plan.failure = ESRCH, plan.step = "enter the pid namespace";  // it was killed
  return plan.second > 0 ? plan.second : first;
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  out.reserve(strings.size() + 1);
  for (const auto& s : strings) out.push_back(const_cast<char*>(s.c_str()));
  out.push_back(nullptr);
  return out;
}

}  // namespace

Result<Child> spawn(const SpawnPlan& plan) {
  if (plan.argv.empty() || plan.fds.size() > kMaxFds)
    return Error{ErrorCode::kInternal, "spawn: bad plan"};
  auto argv = pointers(plan.argv);
  auto env = pointers(plan.env);
  const std::string& program = plan.program.empty() ? plan.argv[0] : plan.program;
  ChildPlan child{program.c_str(),  argv.data(),
                  env.data(),       plan.cwd.empty() ? nullptr : plan.cwd.c_str(),
                  plan.fds.data(),  plan.fds.size(),
                  plan.outlives_us, plan.prepare,
                  plan.with,        plan.beside,
                  nullptr};
  alignas(16) char stack[kStackSize];  // ours: we are suspended until the child has exec'd
  alignas(16) char second_stack[kStackSize];
  child.second_stack = second_stack;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // a handler must not run in the child on our memory
  Fd pidfd;
  int flags = CLONE_VM | CLONE_VFORK | SIGCHLD | (plan.own_pid_namespace ? CLONE_NEWPID : 0) |
              (plan.is_sibling ? CLONE_PARENT : 0);
  pid_t pid = plan.beside < 0 ? clone_one(child, stack, flags, pidfd)
                              : clone_beside(child, stack, flags, pidfd);
  int clone_errno = errno;
  ASAN_UNPOISON_MEMORY_REGION(stack, sizeof stack);  // the child left its frames' marks there
  ASAN_UNPOISON_MEMORY_REGION(second_stack, sizeof second_stack);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return io_error("cannot start " + program, clone_errno);
  Child started{pid, std::move(pidfd)};
  if (child.failure != 0) {
    if (started.pidfd && !plan.is_sibling) reap(started);
    return io_error("cannot start " + program + " in " + (plan.cwd.empty() ? "." : plan.cwd) +
                        " (" + child.step + ")",
                    child.failure);
  }
  return started;
}

ExitStatus reap(const Child& child) {
  siginfo_t ended{};
  while (waitid(P_PIDFD, static_cast<id_t>(child.pidfd.get()), &ended, WEXITED) != 0 &&
         errno == EINTR) {
  }
  if (ended.si_code == CLD_EXITED) return {ended.si_status, 0};
  return {-1, ended.si_status};
}

ExitStatus exit_status(int wait_status) {
  if (WIFSIGNALED(wait_status)) return {-1, WTERMSIG(wait_status)};
  return {WEXITSTATUS(wait_status), 0};
}

std::string ExitStatus::text() const {
  return signal > 0 ? "signal " + signal_name(signal) : "exit code " + std::to_string(code);
}

std::string signal_name(int signal) {
  const char* name = sigabbrev_np(signal);
  return name ? std::string{"SIG"} + name : std::to_string(signal);
}

}  // namespace trivet::os
