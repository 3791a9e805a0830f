#pragma once
// Watch: the readiness of one descriptor, as something a coroutine can wait for.

#include "loop/loop.h"

namespace trivet::loop {

// Readiness of one descriptor, edge-triggered. Does not own the descriptor; remove it (destroy the
// Watch) before closing.
class Watch final : public IoHandler {
 public:
  Watch(Loop& loop, int fd, uint32_t events = EPOLLIN | EPOLLOUT | EPOLLRDHUP);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // Tell that a read or write met EAGAIN (or a short count): the next edge is news.
  void drained() { readable_ = false; }
  void filled() { writable_ = false; }
  bool may_read() const { return readable_; }
  bool may_write() const { return writable_; }
  bool hung_up() const { return hung_up_; }

  class Awaiter : public Waiter {
   public:
    Awaiter(Loop& loop, const bool& flag, Link& list, Instant deadline)
        : Waiter(loop, deadline), flag_(flag), list_(list) {}
    bool await_ready() const noexcept { return flag_; }
    void await_suspend(std::coroutine_handle<> h) { suspend(h, &list_); }
    bool await_resume() const noexcept { return !timed_out_; }

   private:
    const bool& flag_;
    Link& list_;
  };
  // true: ready (or hung up, which a read will tell); false: the deadline passed. After it, try the
  // operation.
  Awaiter readable(Instant deadline = kNever) { return {loop_, readable_, readers_, deadline}; }
  Awaiter writable(Instant deadline = kNever) { return {loop_, writable_, writers_, deadline}; }
  // Also sets `event` when the peer closes its side or an error comes; nullptr ends that.
  void tell_hang_up(Event* event) { hang_up_event_ = event; }

  void on_io(uint32_t events) override;

 private:
  Loop& loop_;
  int fd_;
  bool readable_ = true, writable_ = true, hung_up_ = false;
  Link readers_, writers_;
  Event* hang_up_event_ = nullptr;
};

}  // namespace trivet::loop
