#include "worker/frame_pipes.h"

#include <algorithm>
#include <cerrno>

namespace trivet::worker {
namespace {

constexpr size_t kReadSize = 64 * limits::kKiB;
constexpr size_t kReadMost = 1 * limits::kMiB;  // of a large frame at once
constexpr int kReadsPerTurn = 16;
constexpr int kDrainReads = 64;                    // more than a pipe of one MiB needs
constexpr size_t kAtomicWrite = 4 * limits::kKiB;  // PIPE_BUF: the pipe takes it in one piece
constexpr uint32_t kEvents = EPOLLIN | EPOLLET;

}  // namespace

FrameReader::FrameReader(loop::Loop& loop, os::Fd fd, size_t max_frame, FrameReceiver& receiver)
    : loop_(loop), fd_(std::move(fd)), decoder_(max_frame), receiver_(receiver) {
  loop_.add(fd_.get(), kEvents, *this);
}

FrameReader::~FrameReader() { close(); }

void FrameReader::close() {
  if (!fd_) return;
  loop_.remove(fd_.get(), *this);
  fd_.reset();
}

void FrameReader::on_io(uint32_t) {
  in_order_ = settled_ && !decoder_.mid_frame();
  settled_ = false;
  size_t before = taken_;
  bool more = true;
  int reads = 0;
  for (; more && reads < kReadsPerTurn && fd_; ++reads) more = read_once();
  if (more && fd_) loop_.again(fd_.get(), kEvents, *this);
  settled_ = !more && reads == 1 && taken_ == before + 1 && last_read_ <= kAtomicWrite &&
             !decoder_.mid_frame();
}

void FrameReader::drain() {
  for (int reads = 0; reads < kDrainReads && fd_ && (read_once() || last_read_ > 0); ++reads) {
  }
}

bool FrameReader::read_once() {
  size_t want = std::clamp(decoder_.missing(), kReadSize, kReadMost);
  ssize_t n = read(fd_.get(), decoder_.room(want), want);
  last_read_ = static_cast<size_t>(std::max<ssize_t>(n, 0));
  if (n < 0) return errno == EINTR;
  if (n == 0) {
    bool mid_frame = decoder_.mid_frame();
    close();
    receiver_.on_eof(mid_frame);
    return false;
  }
  decoder_.added(static_cast<size_t>(n));
  for (;;) {
    auto frame = decoder_.next();
    if (!frame) {
      close();
      receiver_.on_garbage(frame.error());
      return false;
    }
    if (!*frame) break;
    ++taken_;
    receiver_.on_frame(**frame);
    in_order_ = false;
    if (!fd_) return false;
  }
  return static_cast<size_t>(n) == want;
}

FrameWriter::~FrameWriter() { close(); }

void FrameWriter::close() {
  if (watching_) loop_.remove(fd_.get(), *this);
  watching_ = false;
  fd_.reset();
  queue_.clear();
}

void FrameWriter::send(std::string_view head, std::string_view body) {
  if (!fd_) return;
  size_t written = 0;
  if (queue_.empty()) {
    iovec parts[2] = {{const_cast<char*>(head.data()), head.size()},
                      {const_cast<char*>(body.data()), body.size()}};
    ssize_t n =
        body.empty() ? write(fd_.get(), head.data(), head.size()) : writev(fd_.get(), parts, 2);
    if (n < 0 && errno != EAGAIN && errno != EINTR) return close();
    written = n < 0 ? 0 : static_cast<size_t>(n);
  }
  if (written < head.size()) keep(head.substr(written));
  size_t of_body = written > head.size() ? written - head.size() : 0;
  if (of_body < body.size()) keep(body.substr(of_body));
}

void FrameWriter::keep(std::string_view bytes) {
  queue_.emplace_back(bytes);
  if (watching_) return;
  loop_.add(fd_.get(), EPOLLOUT, *this);
  watching_ = true;
}

void FrameWriter::on_io(uint32_t) {
  while (!queue_.empty()) {
    const std::string& front = queue_.front();
    ssize_t n = write(fd_.get(), front.data() + sent_, front.size() - sent_);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) return close();
    sent_ += static_cast<size_t>(n);
    if (sent_ < front.size()) continue;
    queue_.pop_front();
    sent_ = 0;
  }
  loop_.remove(fd_.get(), *this);
  watching_ = false;
}

}  // namespace trivet::worker
