#include "launcher/waiter.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <limits>

#include "launcher/messages.h"

namespace trivet::launcher {
namespace {

constexpr char kReady = 'R';
constexpr timeval kAnswersWithin{5, 0};  // an exec from a slow disk; else it was stopped
constexpr int kKeptFds = 64;             // above all that a program is given

int enter(void* with, const char** step) {
  const auto& entry = *static_cast<Entry*>(with);
  for (const auto& group : entry.groups)
    if (write(group.get(), "0", 1) != 1) return *step = "enter its control group", errno;
  return sandbox::join(entry.how, entry.shell, step);
}

// One program, as a child of our parent's.
Result<os::Child> start_one(int socket, int shell) {
  Entry entry;
  if (recv(socket, &entry.how, sizeof entry.how, 0) != sizeof entry.how) _exit(0);
  Parcel parcel;
  auto received = receive(socket, parcel);
  if (!received || *received != Received::kParcel) _exit(0);
  Message& message = parcel.message;
  entry.shell = shell;
  os::SpawnPlan plan;
  plan.argv = std::move(message.argv);
  plan.env = std::move(message.env);
  plan.cwd = std::move(message.cwd);
  plan.is_sibling = true;
  for (size_t i = 0; i < message.targets.size() && i < parcel.fds.size(); ++i)
    plan.fds.emplace_back(message.targets[i], parcel.fds[i].get());
  return spawn(plan, entry);
}

// Of our descriptors these two stay, elsewhere. The others are the launcher's: somebody may wait
// for their end.
void keep_only(int& one, int& other) {
  one = fcntl(one, F_DUPFD_CLOEXEC, kKeptFds);
  other = fcntl(other, F_DUPFD_CLOEXEC, one + 1);
  if (one < 0 || other < 0) _exit(1);
  auto close_between = [](int from, int to) { syscall(SYS_close_range, from, to, 0u); };
  close_between(3, one - 1);
  close_between(one + 1, other - 1);
  close_between(other + 1, std::numeric_limits<int>::max());
}

[[noreturn]] void live_as_waiter(pid_t parent, int socket, int shell, bool enters_pids,
                                 const std::vector<os::Fd>& entrances) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_NAME, "trivet-waiter");
  if (getppid() != parent) _exit(1);
  for (const auto& group : entrances)
    if (write(group.get(), "0", 1) != 1) _exit(1);
  if (enters_pids && syscall(SYS_setns, shell, CLONE_NEWPID) != 0) _exit(1);
  keep_only(socket, shell);
  char word = kReady;
  if (send(socket, &word, 1, MSG_NOSIGNAL) != 1) _exit(1);
  auto started = start_one(socket, shell);
  Message answer;
  answer.kind = started ? Kind::kStarted : Kind::kExited;
  if (started)
    answer.pid = started->pid;
  else
    answer.not_started = started.error().message;
  (void)send(socket, answer, {});
  _exit(0);
}

Error gone() { return io_error("what waited for it in its sandbox has ended", ESRCH); }

}  // namespace

Result<os::Child> spawn(os::SpawnPlan& plan, Entry& entry) {
  plan.prepare = enter;
  plan.with = &entry;
  auto started = os::spawn(plan);
  prctl(PR_SET_DUMPABLE, 1);  // the child shared our memory when it changed its user
  return started;
}

Result<Waiter> Waiter::begin(int shell, bool enters_pids, const std::vector<os::Fd>& entrances) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
    return io_error("cannot make a socket for a process that waits", errno);
  os::Fd ours{pair[0]}, theirs{pair[1]};
  setsockopt(ours.get(), SOL_SOCKET, SO_RCVTIMEO, &kAnswersWithin, sizeof kAnswersWithin);
  pid_t parent = getpid();
  pid_t pid = fork();
  if (pid < 0) return io_error("cannot fork a process that waits", errno);
  if (pid == 0) live_as_waiter(parent, theirs.get(), shell, enters_pids, entrances);
  return Waiter{pid, std::move(ours)};
}

bool Waiter::is_ready() {
  char word = 0;
  if (!is_ready_) is_ready_ = recv(socket_.get(), &word, 1, MSG_DONTWAIT) == 1 && word == kReady;
  return is_ready_;
}

Result<os::Child> Waiter::spawn(const os::SpawnPlan& plan, const Entry& entry) {
  Message message;
  message.kind = Kind::kStart;
  message.argv = plan.argv;
  message.env = plan.env;
  message.cwd = plan.cwd;
  std::vector<int> fds;
  for (auto [target, fd] : plan.fds) {
    message.targets.push_back(target);
    fds.push_back(fd);
  }
  std::string_view how{reinterpret_cast<const char*>(&entry.how), sizeof entry.how};
  auto sent = send_packet(socket_.get(), how, {}) ? send(socket_.get(), message, fds) : false;
  Parcel parcel;
  auto heard = sent && *sent ? receive(socket_.get(), parcel) : Received::kEnd;
  if (!heard || *heard != Received::kParcel) {
    kill(pid_, SIGKILL);
    return gone();
  }
  if (parcel.message.kind != Kind::kStarted)
    return Error{ErrorCode::kIo, parcel.message.not_started};
  return os::Child{parcel.message.pid, {}};
}

}  // namespace trivet::launcher
