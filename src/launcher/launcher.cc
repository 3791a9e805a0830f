#include "launcher/launcher.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdlib>

#include "launcher/embedded.h"

namespace trivet::launcher {
namespace {

constexpr int kSocketInChild = 3;
constexpr int kHighFd = 64;             // above every descriptor that is put in place in a child
constexpr int kSocketBuffer = 1 << 20;  // bytes asked for; the kernel may give less
constexpr int kEndWithinMs = 3000;      // then the launcher itself is killed
constexpr auto kProbeWithin = std::chrono::seconds{10};
constexpr const char* kCookieName = "TRIVET_WORKER=";

// Every number in a cookie has ten digits: a fork writes its own over its zygote's.
std::string ten_digits(uint32_t number) {
  std::string text = std::to_string(number);
  return std::string(10 - text.size(), '0') + text;
}

// The program as a file without a name.
Result<os::Fd> program_file() {
  os::Fd made{memfd_create("trivet-launcher", MFD_CLOEXEC)};
  if (!made) return io_error("cannot make a memory file for the launcher", errno);
  std::string_view bytes = program();
  while (!bytes.empty()) {
    ssize_t n = write(made.get(), bytes.data(), bytes.size());
    if (n <= 0) return io_error("cannot write the launcher into memory", errno);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  os::Fd high{fcntl(made.get(), F_DUPFD_CLOEXEC, kHighFd)};
  if (!high) {
    Error error = io_error("cannot keep the launcher's memory file", errno);
    error.hint = "raise the number of open files (`ulimit -n`): trivet needs more than 64";
    return error;
  }
  return high;
}

}  // namespace

Status Launcher::open() {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
    return io_error("cannot make the launcher's socket", errno);
  socket_ = os::Fd{pair[0]};
  os::Fd theirs{pair[1]};
  for (int fd : pair)
    for (int option : {SO_SNDBUF, SO_RCVBUF})
      setsockopt(fd, SOL_SOCKET, option, &kSocketBuffer, sizeof kSocketBuffer);
  fcntl(socket_.get(), F_SETFL, O_NONBLOCK);
  auto file = program_file();
  if (!file) return std::move(file).error();
  os::Fd null{::open("/dev/null", O_RDWR | O_CLOEXEC)};
  os::SpawnPlan plan;
  plan.argv = {"trivet-launcher"};
  plan.program = "/proc/self/fd/" + std::to_string(file->get());
  plan.env = {"PATH=/usr/bin:/bin"};
  if (const char* without = std::getenv(kWithoutLayer))
    plan.env.push_back(std::string{kWithoutLayer} + "=" + without);
  plan.cwd = "/";
  plan.fds = {{0, null.get()}, {1, null.get()}, {2, 2}, {kSocketInChild, theirs.get()}};
  plan.outlives_us = true;  // it sees us die, whatever thread started it, and then ends the rest
  auto started = os::spawn(plan);
  if (!started) {
    Error error = std::move(started).error();
    error.hint = "trivet starts its launcher from memory: is vm.memfd_noexec set on this machine?";
    return error;
  }
  child_ = std::move(*started);
  events_ = EPOLLIN;
  loop_.add(socket_.get(), events_, *this);
  return {};
}

Launcher::~Launcher() {
  if (!child_.pidfd) return;
  if (socket_) loop_.remove(socket_.get(), *this);
  socket_.reset();
  pollfd end{child_.pidfd.get(), POLLIN, 0};
  int n;
  do n = poll(&end, 1, kEndWithinMs);
  while (n < 0 && errno == EINTR);
  if (n == 0) ::kill(child_.pid, SIGKILL);
  os::reap(child_);
}

std::string Launcher::cookie_prefix() const {
  return kCookieName + ten_digits(static_cast<uint32_t>(child_.pid)) + ".";
}

Ticket Launcher::start(Launch launch, ChildObserver& observer) {
  Ticket ticket = next_++;
  observers_[ticket] = &observer;
  Message message;
  message.kind = launch.zygote ? Kind::kFork : Kind::kStart;
  message.ticket = ticket;
  message.is_zygote = launch.is_zygote;
  message.zygote = launch.zygote;
  message.policy = std::move(launch.policy);
  message.is_blank = launch.is_blank;
  message.cookie = cookie_prefix() + ten_digits(ticket);
  message.cwd = std::move(launch.spawn.cwd);
  message.argv = std::move(launch.spawn.argv);
  message.env = std::move(launch.spawn.env);
  std::vector<int> fds;
  for (auto [target, fd] : launch.spawn.fds) {
    message.targets.push_back(target);
    fds.push_back(fd);
  }
  post(std::move(message), fds);
  return ticket;
}

void Launcher::assign(Ticket child, sandbox::Policy policy) {
  Message message;
  message.kind = Kind::kAssign;
  message.ticket = child;
  message.policy = std::move(policy);
  post(std::move(message), {});
}

void Launcher::show(std::vector<std::string> paths) {
  shown_ = std::move(paths);
  post_shown();
}

void Launcher::show_also(const std::string& path) {
  if (also_shown_.insert(path).second) post_shown();
}

void Launcher::post_shown() {
  Message message;
  message.kind = Kind::kRoot;
  message.argv = shown_;
  message.argv.insert(message.argv.end(), also_shown_.begin(), also_shown_.end());
  post(std::move(message), {});
}

loop::Task<Result<std::vector<sandbox::Layer>>> Launcher::layers() {
  Ticket ticket = next_++;
  auto probe = std::make_shared<Probe>(loop_);
  probes_[ticket] = probe;
  Message message;
  message.kind = Kind::kProbe;
  message.ticket = ticket;
  post(std::move(message), {});
  co_await probe->done.wait(after(loop_.now(), kProbeWithin));
  probes_.erase(ticket);
  if (!probe->layers)
    co_return Error{ErrorCode::kUnavailable, "the launcher does not say what it can confine with"};
  co_return std::move(*probe->layers);
}

loop::Task<std::vector<sandbox::Layer>> Launcher::limits() {
  co_await begun_.wait();
  co_return limits_;
}

void Launcher::kill(Ticket child) {
  Message message;
  message.kind = Kind::kKill;
  message.ticket = child;
  post(std::move(message), {});
}

void Launcher::abandon(Ticket child) {
  if (observers_.erase(child) > 0) kill(child);
}

// Sends now, or keeps the message with descriptors of our own while the socket is full.
void Launcher::post(Message message, const std::vector<int>& fds) {
  if (unsent_.empty() && socket_) {
    auto sent = send(socket_.get(), message, fds);
    if (!sent || *sent) return;  // when it is gone, its end of the socket tells
  }
  Unsent later{std::move(message), {}};
  for (int fd : fds) later.fds.emplace_back(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  unsent_.push_back(std::move(later));
  if (socket_)
    flush();
  else
    scope_.spawn(refuse_soon());
}

// An observer is not told of an end before start() has returned.
loop::Task<> Launcher::refuse_soon() {
  co_await loop_.sleep_until(loop_.now());
  on_gone();
}

void Launcher::flush() {
  while (!unsent_.empty()) {
    std::vector<int> fds;
    for (const auto& fd : unsent_.front().fds) fds.push_back(fd.get());
    auto sent = send(socket_.get(), unsent_.front().message, fds);
    if (sent && !*sent) break;
    unsent_.pop_front();
  }
  uint32_t wanted = unsent_.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT;
  if (wanted == events_) return;
  loop_.remove(socket_.get(), *this);
  loop_.add(socket_.get(), events_ = wanted, *this);
}

void Launcher::on_io(uint32_t events) {
  if (events & EPOLLOUT) flush();
  if (events & ~static_cast<uint32_t>(EPOLLOUT)) hear();
}

void Launcher::hear() {
  while (socket_) {
    Parcel parcel;
    auto received = receive(socket_.get(), parcel);
    if (received && *received == Received::kNothing) return;
    if (!received || *received == Received::kEnd) return on_gone();
    tell(parcel);
  }
}

void Launcher::tell(Parcel& parcel) {
  Message& message = parcel.message;
  if (message.kind == Kind::kLayers && message.ticket == 0) {
    limits_ = std::move(message.layers);
    return begun_.set();
  }
  if (message.kind == Kind::kLayers) {
    auto asked = probes_.find(message.ticket);
    if (asked == probes_.end()) return;
    asked->second->layers = message.layers;
    return asked->second->done.set();
  }
  auto found = observers_.find(message.ticket);
  if (found == observers_.end()) return;  // abandoned
  if (message.kind == Kind::kStarted) return found->second->on_started(message.pid);
  if (message.kind == Kind::kDoors)
    return found->second->on_doors(std::move(message.policy.net), std::move(parcel.fds));
  if (message.kind == Kind::kAssigned) return found->second->on_assigned(message.not_started);
  Exit exit;
  exit.status = {message.code, message.signal};
  exit.not_started = message.not_started;
  exit.user = std::chrono::microseconds{message.user_us};
  exit.system = std::chrono::microseconds{message.system_us};
  exit.max_rss_bytes = message.max_rss_kib * 1024;
  if (message.out_of_memory)
    exit.cause = Exit::Cause::kOutOfMemory;
  else if (message.with_zygote)
    exit.cause = Exit::Cause::kZygote;
  ChildObserver* observer = found->second;
  observers_.erase(found);
  observer->on_exit(exit);
}

// The kernel has killed its children by now. What they had started is found by its mark.
void Launcher::on_gone() {
  if (socket_) {
    loop_.remove(socket_.get(), *this);
    socket_.reset();
    os::kill_marked(cookie_prefix());
    ended_.set();
  }
  unsent_.clear();
  begun_.set();
  for (auto& [ticket, probe] : probes_) probe->done.set();
  Exit exit;
  exit.status = {-1, SIGKILL};
  exit.not_started = "the launcher has ended";
  exit.cause = Exit::Cause::kLauncher;
  while (!observers_.empty()) {
    ChildObserver* observer = observers_.begin()->second;
    observers_.erase(observers_.begin());
    observer->on_exit(exit);
  }
}

}  // namespace trivet::launcher
