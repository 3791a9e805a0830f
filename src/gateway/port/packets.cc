#include "gateway/port/packets.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/limits.h"

namespace trivet::gateway {
namespace {

constexpr size_t kReadSize = 64 * limits::kKiB;
constexpr size_t kQueuedMost = 16 * limits::kMiB;  // then nothing more is read

void make_non_blocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

// Files and /dev/null cannot be watched, and need not be.
bool can_be_watched(int fd) {
  struct stat st {};
  return fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || isatty(fd));
}

}  // namespace

PacketReader::PacketReader(loop::Loop& loop, int fd, size_t max_packet)
    : fd_(fd), splitter_(wire::Framing::kPacket4, max_packet) {
  make_non_blocking(fd);
  if (can_be_watched(fd)) watch_.emplace(loop, fd, EPOLLIN | EPOLLRDHUP);
}

Result<PacketReader::Got> PacketReader::read_more() {
  char buffer[kReadSize];
  ssize_t n = read(fd_, buffer, sizeof buffer);
  if (n > 0) {
    // Less than there was room for: the pipe is empty now, and epoll tells when it no longer is.
    bool empty = static_cast<size_t>(n) < sizeof buffer;
    if (empty && watch_ && !watch_->hung_up()) watch_->drained();
    splitter_.feed({buffer, static_cast<size_t>(n)});
    return Got::kBytes;
  }
  if (n == 0) return Got::kEnd;
  if (errno == EINTR) return Got::kBytes;
  if (errno == EAGAIN) return Got::kNothing;
  return io_error("the port's input cannot be read", errno);
}

loop::Task<Result<std::optional<std::string_view>>> PacketReader::next() {
  for (;;) {
    auto packet = splitter_.next();
    if (!packet)
      co_return Error{ErrorCode::kInvalidRequest, std::move(packet).error().message,
                      "the port speaks packets with four bytes of length, as open_port does with "
                      "{packet, 4}"};
    if (*packet) co_return *packet;
    if (watch_ && !watch_->may_read()) co_await watch_->readable();
    auto got = read_more();
    if (!got) co_return std::move(got).error();
    if (*got == Got::kEnd && splitter_.mid_message())
      co_return Error{ErrorCode::kInvalidRequest, "the input ended within a packet"};
    if (*got == Got::kEnd) co_return std::optional<std::string_view>{};
    if (*got == Got::kNothing && watch_) watch_->drained();
  }
}

PacketWriter::PacketWriter(loop::Loop& loop, int fd)
    : loop_(loop), fd_(fd), room_(loop), empty_(loop) {
  make_non_blocking(fd);
  room_.set();
  empty_.set();
}

PacketWriter::~PacketWriter() {
  if (watching_) loop_.remove(fd_, *this);
}

void PacketWriter::send(std::string packet, size_t begun) {
  if (broken_) return;
  wire::end_message(packet, wire::Framing::kPacket4, begun);
  queued_ += packet.size();
  queue_.push_back(std::move(packet));
  if (watching_) return;
  on_io(EPOLLOUT);
  if (queue_.empty()) return;
  if (!can_be_watched(fd_)) return give_up();
  loop_.add(fd_, EPOLLOUT, *this);
  watching_ = true;
  empty_.reset();
  if (queued_ > kQueuedMost) room_.reset();
}

void PacketWriter::give_up() {
  broken_ = true;
  queue_.clear();
  queued_ = 0;
}

void PacketWriter::on_io(uint32_t) {
  while (!queue_.empty()) {
    const std::string& front = queue_.front();
    ssize_t n = write(fd_, front.data() + sent_, front.size() - sent_);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if (n < 0) {
      give_up();
      break;
    }
    sent_ += static_cast<size_t>(n);
    if (sent_ < front.size()) continue;
    queued_ -= front.size();
    queue_.pop_front();
    sent_ = 0;
  }
  if (queued_ <= kQueuedMost) room_.set();
  if (!queue_.empty()) return;
  if (watching_) loop_.remove(fd_, *this);
  watching_ = false;
  empty_.set();
}

loop::Task<> PacketWriter::has_room() {
  if (!room_.is_set()) co_await room_.wait();
}

loop::Task<> PacketWriter::flushed(Instant deadline) {
  if (!empty_.is_set()) co_await empty_.wait(deadline);
}

}  // namespace trivet::gateway
