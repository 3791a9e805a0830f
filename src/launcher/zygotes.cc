// Serving's zygotes: they fork when asked, and reap their forks when we say that these have ended.
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "launcher/serving.h"
#include "os/spawn.h"

namespace trivet::launcher {
namespace {

constexpr int64_t kZygoteAnswersMs = 2000;  // a zygote that is silent for longer is ended

std::vector<int> numbers(const std::vector<os::Fd>& fds) {
  std::vector<int> out;
  for (const auto& fd : fds) out.push_back(fd.get());
  return out;
}

// One packet without descriptors, and who sent it, by the kernel's word. A zygote that sends
// descriptors loses them.
ssize_t receive_with_pid(int socket, std::array<char, 4096>& buffer, pid_t& from) {
  iovec part{buffer.data(), buffer.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred))];
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t n = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  for (cmsghdr* c = n > 0 ? CMSG_FIRSTHDR(&header) : nullptr; c; c = CMSG_NXTHDR(&header, c))
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS) {
      ucred sender{};
      std::memcpy(&sender, CMSG_DATA(c), sizeof sender);
      from = sender.pid;
    } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(c), sizeof fd);
      close(fd);
    }
  return n;
}

int pidfd_open(pid_t pid) { return static_cast<int>(syscall(SYS_pidfd_open, pid, 0)); }

}  // namespace

// A pair of packet sockets, both closed by exec.
bool Serving::make_control(os::Fd& ours, os::Fd& theirs) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return false;
  ours = os::Fd{pair[0]};
  theirs = os::Fd{pair[1]};
  fcntl(ours.get(), F_SETFL, O_NONBLOCK);
  int on = 1;  // who speaks: a zygote, or a fork of it that has just joined
  setsockopt(ours.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  return true;
}

void Serving::fork(const Message& message, const std::vector<os::Fd>& fds) {
  auto zygote = children_.find(message.zygote);
  if (zygote == children_.end() || !zygote->second.control)
    return refuse(message.ticket, "its zygote has ended");
  Child child;
  child.ticket = message.ticket;
  child.zygote = message.zygote;
  child.cookie = message.cookie;
  child.level = zygote->second.level;
  child.limits = message.policy.limits;
  let_open_again(fds);
  std::vector<int> beside = numbers(fds);
  os::Fd theirs;
  if (message.is_zygote) {
    if (!make_control(child.control, theirs)) return refuse(message.ticket, "no more sockets");
    beside.push_back(theirs.get());
  }
  ControlFrame frame{kFrameFork, message.ticket,
                     (message.is_zygote ? "zygote " : "worker ") + message.cookie};
  if (!send_packet(zygote->second.control.get(), encode_control(frame), beside))
    return refuse(message.ticket, errno == EPIPE || errno == ECONNRESET
                                      ? "its zygote has ended"
                                      : "its zygote does not listen");
  if (child.control) watch(child.control.get(), Source::kControl, child.ticket);
  child.asked_ms = now_ms();
  ++unanswered_;
  children_.insert_or_assign(child.ticket, std::move(child));
}

void Serving::on_control(uint32_t ticket) {
  auto found = children_.find(ticket);
  if (found == children_.end()) return;
  std::array<char, 4096> buffer;
  pid_t from = 0;
  ssize_t n = receive_with_pid(found->second.control.get(), buffer, from);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  auto frame = n > 0 ? decode_control({buffer.data(), static_cast<size_t>(n)})
                     : Result<ControlFrame>{Error{ErrorCode::kIo, "end"}};
  if (!frame) {  // its end of the socket is closed, or it is no zygote
    found->second.control.reset();
    orphan_forks(ticket);
    return kill(ticket);
  }
  if (frame->type == kFrameJoined) return on_joined(found->second, from, frame->body);
  found->second.heard_ms = now_ms();
  auto of = children_.find(frame->ticket);
  if (of == children_.end() || of->second.zygote != ticket) return;
  if (frame->type == kFrameForked) return on_forked(of->second, frame->body);
  if (frame->type != kFrameReaped || !of->second.reaping) return;
  int code = -1, signal = 0;
  long long user = 0, system = 0, rss = 0;
  std::sscanf(frame->body.c_str(), "%d %d %lld %lld %lld", &code, &signal, &user, &system, &rss);
  rusage used{};
  used.ru_utime = {user / 1'000'000, user % 1'000'000};
  used.ru_stime = {system / 1'000'000, system % 1'000'000};
  used.ru_maxrss = rss;
  report(of->second, signal > 0 ? signal : W_EXITCODE(code, 0), used);
}

void Serving::on_forked(Child& child, const std::string& body) {
  pid_t number = static_cast<pid_t>(std::atoi(body.c_str()));
  if (number <= 1) return refuse(child.ticket, "its zygote could not fork: " + body);
  child.asked_ms = 0;
  if (child.level == sandbox::Level::kTrusted) return take_in(child, {number, number, 0, {}, {}});
  child.number = number;
  Child& zygote = children_.at(child.zygote);
  for (size_t i = 0; i < zygote.joined.size(); ++i) {
    if (zygote.joined[i].number != number) continue;
    Joined joined = std::move(zygote.joined[i]);
    zygote.joined.erase(zygote.joined.begin() + static_cast<ptrdiff_t>(i));
    return claim(child, joined);
  }
  child.asked_ms = now_ms();  // it says so in a moment
  ++unanswered_;
}

// What a zygote has told of, and what has told us that it is confined, are one.
void Serving::claim(Child& child, const Joined& joined) {
  child.asked_ms = 0;
  if (!joined.trouble.empty()) {
    drop_fork(children_.at(child.zygote), joined.pid, joined.number);
    forget_joined(joined);
    return refuse(child.ticket, "its fork could not be confined: cannot " + joined.trouble);
  }
  take_in(child, joined);
}

// One that is never told of: its zygote reaps it, and answers nobody.
void Serving::drop_fork(const Child& zygote, pid_t pid, pid_t number) {
  if (pid <= 1 || !zygote.control) return;
  ::kill(pid, SIGKILL);
  send_packet(zygote.control.get(), encode_control({kFrameReap, 0, std::to_string(number)}), {});
}

void Serving::take_in(Child& child, const Joined& joined) {
  pid_t pid = joined.pid;
  child.shell = joined.shell;
  child.group = joined.group;
  // Its zygote does not reap it before we ask, so the number is still its own.
  os::Fd pidfd{pidfd_open(pid)};
  if (!pidfd) return refuse(child.ticket, "its zygote could not fork: it is gone");
  child.pid = pid;
  child.number = joined.number;
  child.pidfd = std::move(pidfd);
  by_pid_[pid] = child.ticket;
  watch(child.pidfd.get(), Source::kPidfd, child.ticket);
  bool is_limited = child.shell != 0 || child.level == sandbox::Level::kTrusted ||
                    groups_.limit(child.group, child.limits);
  if (child.killed || !is_limited) kill(child.ticket);
  Message reply;
  reply.kind = Kind::kStarted;
  reply.ticket = child.ticket;
  reply.pid = pid;
  tell(reply);
  if (child.assignment) assign_now(child, *std::exchange(child.assignment, std::nullopt));
}

// A fork has ended: its zygote reaps it, or we do when that is gone.
void Serving::on_fork_ended(Child& child) {
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, child.pidfd.get(), nullptr);
  auto zygote = children_.find(child.zygote);
  if (zygote == children_.end() || !zygote->second.control) return bury(child);
  kill_leftovers(child);
  child.reaping = true;
  child.asked_ms = now_ms();
  ++unanswered_;
  ControlFrame frame{kFrameReap, child.ticket, std::to_string(child.number)};
  if (!send_packet(zygote->second.control.get(), encode_control(frame), {})) kill(child.zygote);
}

// The zygote is gone. Its forks are ours now, and dying: the kernel saw to it. Those that it never
// made are refused.
void Serving::orphan_forks(uint32_t zygote) {
  std::vector<uint32_t> never, ended;
  for (auto& [ticket, child] : children_) {
    if (child.zygote != zygote) continue;
    if (child.pid <= 1) never.push_back(ticket);
    if (child.reaping) ended.push_back(ticket);
  }
  for (uint32_t ticket : never) refuse(ticket, "its zygote has ended");
  for (uint32_t ticket : ended)
    if (auto found = children_.find(ticket); found != children_.end()) bury(found->second);
}

// A zygote only forks and reaps, one after the other: one that answers nobody hangs, or was
// stopped. Its end frees those who wait for it.
void Serving::end_silent_zygotes() {
  int64_t since = now_ms() - kZygoteAnswersMs;
  std::vector<uint32_t> silent, lost;
  unanswered_ = 0;
  for (const auto& [ticket, child] : children_) {
    if (child.asked_ms == 0) continue;
    ++unanswered_;
    if (child.pid <= 1 && child.number > 0) {  // forked, and never seen to be confined
      if (child.asked_ms < since) lost.push_back(ticket);
      continue;
    }
    auto zygote = children_.find(child.zygote);
    bool heard = zygote != children_.end() && zygote->second.heard_ms >= since;
    if (child.asked_ms < since && !heard) silent.push_back(child.zygote);
  }
  for (uint32_t ticket : lost) {
    const Child& child = children_.at(ticket);
    auto zygote = children_.find(child.zygote);
    if (zygote != children_.end())
      drop_fork(zygote->second, pid_of(zygote->second, child.number), child.number);
    refuse(ticket, "its fork ended before it was confined");
  }
  for (uint32_t zygote : silent) kill(zygote);
}

}  // namespace trivet::launcher
