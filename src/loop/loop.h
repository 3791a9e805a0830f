#pragma once
// The loop: one thread, one epoll, timers, and a list of coroutines that are ready to go on.
//
// Everything a host decides happens on its loop's thread, so the parts above need no locks. Other
// threads come in through post(). Whatever waits is a Waiter: it knows its coroutine, the list it
// waits in and its deadline, and unhooks itself from all of them when it is destroyed. That is why
// a dropped Task leaves nothing behind.

#include <sys/epoll.h>

#include <array>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "os/fd.h"

namespace trivet::loop {

class Loop;

// A node of an intrusive circular list; unlinks itself when destroyed.
struct Link {
  Link* prev = this;
  Link* next = this;
  Link() = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link() { unlink(); }
  bool linked() const { return next != this; }
  void unlink() {
    prev->next = next;
    next->prev = prev;
    prev = next = this;
  }
  void append(Link& node) {  // this is a list's head: node becomes its last
    node.prev = prev;
    node.next = this;
    prev->next = &node;
    prev = &node;
  }
};

// One suspended coroutine with an optional deadline. Base of every awaitable of this folder.
class Waiter : public Link {
 public:
  explicit Waiter(Loop& loop, Instant deadline = kNever) : loop_(&loop), deadline_(deadline) {}
  ~Waiter();
  bool timed_out() const { return timed_out_; }

 protected:
  friend class Loop;
  friend class Event;
  friend class Watch;
  // Called by await_suspend: waits in `list` (nullptr: for the deadline alone).
  void suspend(std::coroutine_handle<> handle, Link* list);

  Loop* loop_;
  Instant deadline_;
  std::coroutine_handle<> handle_;
  size_t heap_index_ = SIZE_MAX;  // position in the timer heap, SIZE_MAX = not in it
  bool timed_out_ = false;
};

// Gets epoll events of one descriptor. Called on the loop's thread.
class IoHandler {
 public:
  virtual void on_io(uint32_t events) = 0;

 protected:
  ~IoHandler() = default;
};

class Loop {
 public:
  // Blocks SIGPIPE in the thread that creates it and in the one that runs it.
  Loop();
  // For tests: `clock` is the time, and the loop never sleeps. The test moves the clock, to
  // next_timer() for instance, and turns the loop with run_until_quiet(). `clock` outlives it.
  explicit Loop(const Clock& clock);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs until stop(). run_once() handles what is due and waits at most until the next event, timer
  // or `until`.
  void run();
  void run_once(Instant until = kNever);
  // Turns without waiting until nothing is ready and no timer is due.
  void run_until_quiet();
  Instant next_timer() const { return heap_.empty() ? kNever : heap_.front()->deadline_; }
  void stop();  // any thread

  // Runs `work` on the loop's thread soon, in order. Any thread.
  void post(std::function<void()> work);

  // The time of this turn: read once after each wait, because a call asks for it ten times. Who
  // runs the loop only now and then calls refresh() before giving it something new.
  Instant now() const { return now_; }
  void refresh() { now_ = test_clock_ ? test_clock_->now() : RealClock{}.now(); }

  // Something will come within `d`, at most kSpinMost: until then the loop looks for it again and
  // again instead of sleeping. To be put to sleep and woken costs more than that, most of all on a
  // virtual machine, whose CPU stops when nobody runs on it.
  void expect_within(Duration d) {
    spin_until_ = std::max(spin_until_, now_ + std::min(d, kSpinMost));
  }
  static constexpr Duration kSpinMost = 50us;

  // A Waiter's coroutine goes on after what is running now. Removes it from its list and the
  // timers.
  void wake(Waiter& waiter);

  // Edge-triggered by default: pass EPOLLET in `events`. The handler must be removed before it
  // dies.
  void add(int fd, uint32_t events, IoHandler& handler);
  void remove(int fd, IoHandler& handler);
  // For a handler that stopped before the descriptor was empty: tells it again in the next turn.
  void again(int fd, uint32_t events, IoHandler& handler);

  // co_await loop.sleep_until(t): goes on at t.
  auto sleep_until(Instant when);
  auto sleep(Duration d);

 private:
  friend class Waiter;
  void schedule(Waiter& waiter);    // into the timer heap
  void unschedule(Waiter& waiter);  // out of it
  void sift_up(size_t i);
  void sift_down(size_t i);
  void fire_timers();
  void wait(Instant until);
  void run_ready();
  void run_posted();
  int wait_ms(Instant until) const;

  const Clock* test_clock_ = nullptr;
  os::Fd epoll_;
  os::Fd wakeup_;  // eventfd
  Link ready_;
  std::vector<Waiter*> heap_;
  std::array<epoll_event, 256> events_{};
  int event_count_ = 0, event_next_ = 0;
  Instant now_{}, spin_until_{};
  bool stopped_ = false;
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;  // guarded by mutex_
};

// Set once, seen by all who wait. reset() makes it fresh.
class Event {
 public:
  explicit Event(Loop& loop) : loop_(loop) {}
  bool is_set() const { return set_; }
  void set();
  void reset() { set_ = false; }
  // Wakes the first that waits, without setting; true when there was one.
  bool wake_one();

  class Awaiter : public Waiter {
   public:
    Awaiter(Event& event, Instant deadline) : Waiter(event.loop_, deadline), event_(event) {}
    bool await_ready() const noexcept { return event_.set_; }
    void await_suspend(std::coroutine_handle<> h) { suspend(h, &event_.waiters_); }
    bool await_resume() const noexcept { return !timed_out_; }

   private:
    Event& event_;
  };
  // true: set; false: the deadline passed first.
  Awaiter wait(Instant deadline = kNever) { return {*this, deadline}; }

 private:
  Loop& loop_;
  Link waiters_;
  bool set_ = false;
};

class Sleep : public Waiter {
 public:
  using Waiter::Waiter;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> h) { suspend(h, nullptr); }
  void await_resume() const noexcept {}
};
inline auto Loop::sleep_until(Instant when) { return Sleep{*this, when}; }
inline auto Loop::sleep(Duration d) { return Sleep{*this, after(now(), d)}; }

}  // namespace trivet::loop
