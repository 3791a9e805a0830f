#pragma once
// The two ends of a worker's frame pipes: a reader that hands out whole frames, a writer that never
// blocks.

#include <sys/uio.h>

#include <deque>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "loop/loop.h"
#include "os/fd.h"
#include "wire/frame.h"

namespace trivet::worker {

// What the reader tells its worker. Called on the loop's thread; must not destroy the reader.
class FrameReceiver {
 public:
  virtual void on_frame(const wire::Frame& frame) = 0;
  virtual void on_garbage(const Error& error) = 0;  // nothing more is read
  virtual void on_eof(bool mid_frame) = 0;          // nothing more is read

 protected:
  ~FrameReceiver() = default;
};

class FrameReader final : public loop::IoHandler {
 public:
  FrameReader(loop::Loop& loop, os::Fd fd, size_t max_frame, FrameReceiver& receiver);
  ~FrameReader();
  void on_io(uint32_t events) override;
  void drain();  // reads what a pipe holds; somebody else may have its other side and write on
  // Has everything that the worker printed before the frame at hand been seen already? epoll tells
  // readiness in the order in which it came, so it has, when it was this very frame that made the
  // pipe readable: it is the first of its event, and the event before it took one frame that was
  // written at once and left nothing behind. False does not mean that there is something.
  bool in_order() const { return in_order_; }

 private:
  void close();
  bool read_once();  // false: nothing more for now

  loop::Loop& loop_;
  os::Fd fd_;
  wire::FrameDecoder decoder_;
  FrameReceiver& receiver_;
  size_t taken_ = 0;      // frames
  size_t last_read_ = 0;  // bytes
  bool settled_ = false;  // the event before left the pipe empty, and epoll without news of it
  bool in_order_ = false;
};

class FrameWriter final : public loop::IoHandler {
 public:
  FrameWriter(loop::Loop& loop, os::Fd fd) : loop_(loop), fd_(std::move(fd)) {}
  ~FrameWriter();
  // Writes now as far as the pipe takes it and keeps the rest. `head` is a frame, or its beginning
  // with `body` after it. A broken pipe is silent: the process's end tells.
  void send(std::string_view head, std::string_view body = {});
  void close();
  void on_io(uint32_t events) override;

 private:
  void keep(std::string_view bytes);

  loop::Loop& loop_;
  os::Fd fd_;
  std::deque<std::string> queue_;
  size_t sent_ = 0;  // of queue_.front()
  bool watching_ = false;
};

}  // namespace trivet::worker
