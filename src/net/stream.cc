#include "net/stream.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "base/limits.h"
#include "net/address.h"

namespace trivet::net {
namespace {

constexpr size_t kReadSize = 16 * limits::kKiB;
constexpr size_t kReadMost = 64 * limits::kKiB;  // of a peer that has a lot to say
constexpr size_t kGroupsMost = 1024;             // of a peer that are looked at
constexpr unsigned kReadsPerTurn = 16;           // of a fast peer, before others get a turn

}  // namespace

Stream::Stream(loop::Loop& loop, os::Fd fd, std::string_view unread)
    : loop_(loop), fd_(std::move(fd)), watch_(loop, fd_.get()) {
  if (unread.empty()) return;
  size_ = end_ = unread.size();
  buffer_ = std::make_unique_for_overwrite<char[]>(size_);
  std::memcpy(buffer_.get(), unread.data(), size_);
}

void Stream::consume(size_t count) {
  begin_ += count;
  if (begin_ != end_) return;
  begin_ = end_ = 0;
  if (size_ > kReadMost) trim();
}

void Stream::trim() {
  if (begin_ != end_) return;
  buffer_.reset();
  size_ = begin_ = end_ = 0;
}

// At least kReadSize behind what is unread.
void Stream::make_room() {
  size_t want = filled_ ? kReadMost : kReadSize;
  if (size_ - end_ >= want) return;
  size_t held = end_ - begin_;
  if (size_ - held >= want) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, held);
  } else {
    size_t size = std::max(held + want, std::min(2 * size_, held + 4 * kReadMost));
    auto grown = std::make_unique_for_overwrite<char[]>(size);
    if (held > 0) std::memcpy(grown.get(), buffer_.get() + begin_, held);
    buffer_ = std::move(grown);
    size_ = size;
  }
  begin_ = 0;
  end_ = held;
}

Stream::Got Stream::read_now() {
  make_room();
  for (;;) {
    size_t room = size_ - end_;
    ssize_t n = ::recv(fd_.get(), buffer_.get() + end_, room, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      watch_.drained();
      return Got::kNothing;
    }
    if (n <= 0) return Got::kEnd;
    end_ += static_cast<size_t>(n);
    filled_ = static_cast<size_t>(n) == room;
    if (!filled_ && !watch_.hung_up()) watch_.drained();  // the next edge is news
    return Got::kBytes;
  }
}

loop::Task<Stream::Got> Stream::read(Instant deadline) {
  for (;;) {
    if (!watch_.may_read()) {
      in_a_row_ = 0;
      bool in_time = co_await watch_.readable(deadline);
      if (!in_time) co_return Got::kNothing;
    } else if (++in_a_row_ % kReadsPerTurn == 0) {
      co_await loop_.sleep_until(Instant{});
    }
    Got got = read_now();
    if (got != Got::kNothing) co_return got;
  }
}

Stream::Sent Stream::send_now(Parts& parts) {
  for (;;) {
    std::array<iovec, std::tuple_size_v<Parts>> vectors;
    size_t count = 0;
    for (std::string_view part : parts)
      if (!part.empty()) vectors[count++] = {const_cast<char*>(part.data()), part.size()};
    if (count == 0) return Sent::kAll;
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = count;
    ssize_t n = ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK) return Sent::kFailed;
    if (n < 0) {
      watch_.filled();
      return Sent::kPart;
    }
    auto left = static_cast<size_t>(n);
    for (std::string_view& part : parts) {
      size_t taken = std::min(left, part.size());
      part.remove_prefix(taken);
      left -= taken;
    }
  }
}

loop::Task<Status> Stream::send(Parts parts, Duration patience) {
  for (;;) {
    Sent sent = send_now(parts);
    if (sent == Sent::kAll) co_return Status{};
    if (sent == Sent::kFailed) co_return Error{ErrorCode::kCancelled, "the client went away"};
    bool in_time = co_await watch_.writable(after(loop_.now(), patience));
    if (!in_time)
      co_return Error{ErrorCode::kCancelled, "the client did not read its answer in time"};
  }
}

Stream::Peer Stream::peer() const {
  pollfd asked{fd_.get(), POLLRDHUP, 0};
  if (::poll(&asked, 1, 0) <= 0) return Peer::kThere;
  if (asked.revents & (POLLHUP | POLLERR)) return Peer::kGone;
  return asked.revents & POLLRDHUP ? Peer::kHalfClosed : Peer::kThere;
}

std::string Stream::peer_text() const {
  sockaddr_storage who{};
  socklen_t size = sizeof who;
  if (getpeername(fd_.get(), reinterpret_cast<sockaddr*>(&who), &size) != 0) return "gone";
  return who.ss_family == AF_UNIX ? "unix" : from_sockaddr(who).text();
}

uint32_t Stream::peer_uid() const {
  ucred who{};
  socklen_t size = sizeof who;
  return getsockopt(fd_.get(), SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 ? who.uid : UINT32_MAX;
}

std::vector<uint32_t> Stream::peer_groups() const {
  std::vector<uint32_t> groups(kGroupsMost);
  auto size = static_cast<socklen_t>(groups.size() * sizeof(uint32_t));
  bool told = getsockopt(fd_.get(), SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) == 0;
  groups.resize(told ? size / sizeof(uint32_t) : 0);
  ucred who{};
  size = sizeof who;
  if (getsockopt(fd_.get(), SOL_SOCKET, SO_PEERCRED, &who, &size) == 0) groups.push_back(who.gid);
  return groups;
}

void Stream::end_sending() { ::shutdown(fd_.get(), SHUT_WR); }
void Stream::end() { ::shutdown(fd_.get(), SHUT_RDWR); }

}  // namespace trivet::net
