#include "net/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>

namespace trivet::net {
namespace {

constexpr int kBacklog = 1024;
constexpr int kFirstInherited = 3;
constexpr int kInheritedMost = 64;
constexpr int kAcceptsPerTurn = 64;
constexpr auto kShortage = 100ms;  // pause when the system has no descriptors or memory left

// A Unix socket's file that nobody listens on is left over from a crash.
bool is_stale(const sockaddr_storage& where, socklen_t length) {
  os::Fd fd{socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  return fd && connect(fd.get(), reinterpret_cast<const sockaddr*>(&where), length) != 0 &&
         errno == ECONNREFUSED;
}

Error cannot_listen(const Address& address, int reason) {
  Error error = io_error("cannot listen on " + address.text(), reason);
  error.hint =
      reason == EADDRINUSE
          ? "another program listens there: stop it, or choose another address with --listen"
          : "choose another address with --listen";
  return error;
}

Status prepare_unix(const os::Fd& fd, const Address& address, const sockaddr_storage& where,
                    socklen_t length) {
  // bind() gives the file the mode that the socket has, which no other thread sees, unlike umask.
  if (fchmod(fd.get(), 0600) != 0) return cannot_listen(address, errno);
  struct stat file {};
  if (stat(address.host.c_str(), &file) != 0) return {};
  if (!S_ISSOCK(file.st_mode))
    return Error{ErrorCode::kIo, "cannot listen on " + address.text() + ": a file is in the way",
                 "remove it, or choose another path with --listen"};
  if (is_stale(where, length)) unlink(address.host.c_str());
  return {};
}

// The value of a variable that is a number; -1 otherwise.
int number_in(const char* name) {
  const char* text = std::getenv(name);
  int value = -1;
  if (text) std::from_chars(text, text + std::strlen(text), value);
  return value;
}

}  // namespace

Result<os::Fd> listen_on(Address& address, Sharing sharing) {
  sockaddr_storage where;
  auto length = address.to_sockaddr(where);
  if (!length) return std::move(length).error();
  os::Fd fd{socket(where.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd) return cannot_listen(address, errno);
  int on = 1;
  auto set = [&fd, &on](int option) { setsockopt(fd.get(), SOL_SOCKET, option, &on, sizeof on); };
  if (sharing == Sharing::kBeside) set(SO_REUSEPORT);
  if (address.kind == Address::Kind::kTcp)
    set(SO_REUSEADDR);
  else if (Status ready = prepare_unix(fd, address, where, *length); !ready)
    return std::move(ready).error();
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&where), *length) != 0)
    return cannot_listen(address, errno);
  // Only now: had it been set before, another program that sets it could have the address, too.
  if (sharing == Sharing::kFirst) set(SO_REUSEPORT);
  if (listen(fd.get(), kBacklog) != 0) return cannot_listen(address, errno);
  if (address.kind == Address::Kind::kUnix) return fd;
  socklen_t size = sizeof where;
  getsockname(fd.get(), reinterpret_cast<sockaddr*>(&where), &size);
  address.port = from_sockaddr(where).port;
  return fd;
}

Status make_listening(const os::Fd& fd) {
  int listens = 0, type = 0;
  socklen_t size = sizeof listens;
  bool asked = getsockopt(fd.get(), SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 &&
               getsockopt(fd.get(), SOL_SOCKET, SO_TYPE, &type, &size) == 0;
  if (!asked || !listens || type != SOCK_STREAM)
    return Error{ErrorCode::kInvalidRequest,
                 "descriptor " + std::to_string(fd.get()) + " is not a listening stream socket",
                 "check ListenStream= of the socket unit"};
  fcntl(fd.get(), F_SETFL, fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
  fcntl(fd.get(), F_SETFD, FD_CLOEXEC);
  return {};
}

Address address_of(const os::Fd& listening) {
  sockaddr_storage where{};
  socklen_t size = sizeof where;
  getsockname(listening.get(), reinterpret_cast<sockaddr*>(&where), &size);
  return from_sockaddr(where);
}

std::vector<os::Fd> inherited_sockets() {
  std::vector<os::Fd> sockets;
  int count = number_in("LISTEN_PID") == getpid() ? number_in("LISTEN_FDS") : 0;
  for (int i = 0; i < std::min(count, kInheritedMost); ++i)
    sockets.emplace_back(kFirstInherited + i);
  for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) unsetenv(name);
  return sockets;
}

Listener::Listener(loop::Loop& loop, os::Fd socket, std::function<bool()> has_room,
                   std::function<void(os::Fd)> on_connection)
    : loop_(loop),
      fd_(std::move(socket)),
      has_room_(std::move(has_room)),
      on_connection_(std::move(on_connection)),
      scope_(loop) {
  resume();
}

Listener::~Listener() { pause(); }

void Listener::pause() {
  if (paused_) return;
  paused_ = true;
  loop_.remove(fd_.get(), *this);
}

void Listener::resume() {
  if (!paused_) return;
  paused_ = false;
  loop_.add(fd_.get(), EPOLLIN, *this);
}

loop::Task<> Listener::resume_later() {
  co_await loop_.sleep(kShortage);
  resume();
}

void Listener::on_io(uint32_t) {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    if (!has_room_()) return pause();
    os::Fd fd{accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (fd) {
      int on = 1;
      setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // no harm on a Unix socket
      on_connection_(std::move(fd));
      continue;
    }
    if (errno == ECONNABORTED || errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) {
      pause();
      if (scope_.size() == 0) scope_.spawn(resume_later());
    }
    return;
  }
}

}  // namespace trivet::net
