#include "net/tunnel.h"

#include <sys/socket.h>

#include <cerrno>

namespace trivet::net {
namespace {

constexpr unsigned kPiecesPerTurn = 4;  // of a fast sender, before others get a turn

}  // namespace

void reset_when_closed(const os::Fd& fd) {
  linger at_once{1, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

Tunnel::Tunnel(loop::Loop& loop, os::Fd left, os::Fd right, Duration idle, std::span<char> scratch)
    : loop_(loop),
      left_(loop, std::move(left)),
      right_(loop, std::move(right)),
      idle_(idle),
      scratch_(scratch),
      counts_{&uncounted_, &uncounted_},
      moved_(loop.now()),
      over_(loop),
      pumps_(loop) {}

Tunnel::~Tunnel() {
  if (directions_ == 0) return;
  reset_when_closed(left_.fd);
  reset_when_closed(right_.fd);
}

loop::Task<Tunnel::End> Tunnel::run() {
  pumps_.spawn(pump(left_, right_, counts_.to_right));
  pumps_.spawn(pump(right_, left_, counts_.to_left));
  for (;;) {
    bool over = co_await over_.wait(after(moved_, idle_));
    if (over) co_return broken_ ? End::kReset : End::kClosed;
    if (loop_.now() >= after(moved_, idle_)) co_return End::kIdle;
  }
}

// Its waits have no deadline of their own: run() ends them.
loop::Task<> Tunnel::pump(Side& from, Side& to, int64_t* count) {
  for (unsigned in_a_row = 0;; ++in_a_row) {
    if (!from.watch.may_read()) in_a_row = 0;
    co_await from.watch.readable();
    co_await to.watch.writable();
    if (in_a_row % kPiecesPerTurn == kPiecesPerTurn - 1) co_await loop_.sleep_until(Instant{});
    Moved moved = move_piece(from, to, count);
    if (moved == Moved::kSome || moved == Moved::kNothing) continue;
    broken_ = broken_ || moved == Moved::kBroken;
    if (moved == Moved::kEnd) {
      ::shutdown(to.fd.get(), SHUT_WR);
      --directions_;
    }
    if (broken_ || directions_ == 0) over_.set();
    co_return;
  }
}

Tunnel::Moved Tunnel::move_piece(Side& from, Side& to, int64_t* count) {
  ssize_t there = ::recv(from.fd.get(), scratch_.data(), scratch_.size(), MSG_PEEK);
  if (there == 0) return Moved::kEnd;
  if (there < 0) {
    if (errno == EINTR) return Moved::kNothing;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return Moved::kBroken;
    from.watch.drained();
    return Moved::kNothing;
  }
  ssize_t taken = ::send(to.fd.get(), scratch_.data(), static_cast<size_t>(there), MSG_NOSIGNAL);
  if (taken < 0) {
    if (errno == EINTR) return Moved::kNothing;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return Moved::kBroken;
    to.watch.filled();
    return Moved::kNothing;
  }
  ::recv(from.fd.get(), nullptr, static_cast<size_t>(taken), MSG_TRUNC);  // removes, copies nothing
  *count += taken;
  moved_ = loop_.now();
  if (taken < there) {
    to.watch.filled();
  } else if (static_cast<size_t>(there) < scratch_.size() && !from.watch.hung_up()) {
    from.watch.drained();  // the next edge is news
  }
  return Moved::kSome;
}

}  // namespace trivet::net
