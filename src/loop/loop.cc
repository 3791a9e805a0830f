#include "loop/loop.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace trivet::loop {
namespace {

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::abort();
}

// A pipe whose reader is gone must be an error of write(), not the end of the process that embeds
// us. For this thread only: what the rest of the process does with the signal is its own affair.
void block_sigpipe() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

}  // namespace

Waiter::~Waiter() {
  if (heap_index_ != SIZE_MAX) loop_->unschedule(*this);
}

void Waiter::suspend(std::coroutine_handle<> handle, Link* list) {
  handle_ = handle;
  if (list) list->append(*this);
  if (deadline_ != kNever) loop_->schedule(*this);
}

Loop::Loop()
    : epoll_(epoll_create1(EPOLL_CLOEXEC)), wakeup_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (!epoll_ || !wakeup_) die("trivet: cannot create an event loop");
  block_sigpipe();
  refresh();
  epoll_event ev{};
  ev.events = EPOLLIN;
  ev.data.ptr = nullptr;  // the wake-up descriptor is the only one without a handler
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wakeup_.get(), &ev) != 0) die("trivet: epoll_ctl");
}

Loop::Loop(const Clock& clock) : Loop() {
  test_clock_ = &clock;
  refresh();
}

Loop::~Loop() = default;

void Loop::run() {
  block_sigpipe();
  while (!stopped_) run_once();
}

void Loop::stop() {
  post([this] { stopped_ = true; });
}

void Loop::post(std::function<void()> work) {
  bool first = false;
  {
    std::lock_guard lock(mutex_);
    first = posted_.empty();
    posted_.push_back(std::move(work));
  }
  if (!first) return;
  uint64_t one = 1;
  while (write(wakeup_.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
}

void Loop::run_once(Instant until) {
  event_next_ = 0;  // what is ready already is run at the end: the wait is then zero
  wait(until);
  if (event_count_ < 0) {
    if (errno != EINTR) die("trivet: epoll_wait");
    event_count_ = 0;
  }
  bool posted = false;
  while (event_next_ < event_count_) {
    epoll_event ev = events_[event_next_++];
    if (ev.events == 0) continue;  // removed by an earlier handler of this batch
    if (ev.data.ptr == nullptr)
      posted = true;
    else
      static_cast<IoHandler*>(ev.data.ptr)->on_io(ev.events);
  }
  if (posted) run_posted();
  fire_timers();
  run_ready();
}

void Loop::run_until_quiet() {
  refresh();
  do {
    run_once(now_);
  } while (ready_.linked() || next_timer() <= now_);
}

void Loop::wait(Instant until) {
  auto look = [this](int ms) {
    event_count_ = epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()), ms);
    refresh();
  };
  int ms = test_clock_ ? 0 : wait_ms(until);
  while (ms != 0 && now_ < spin_until_) {
    look(0);
    if (event_count_ != 0) return;
  }
  look(ms);
}

void Loop::run_posted() {
  uint64_t count = 0;
  [[maybe_unused]] auto n = read(wakeup_.get(), &count, sizeof count);
  std::vector<std::function<void()>> batch;
  {
    std::lock_guard lock(mutex_);
    batch.swap(posted_);
  }
  for (auto& work : batch) work();
}

void Loop::run_ready() {
  // One pass over what is ready now; what becomes ready meanwhile joins the end and is run too. A
  // coroutine that never waits for anything outside would starve the loop: there is none, every
  // cycle passes through I/O or a timer.
  while (ready_.linked()) {
    auto* waiter = static_cast<Waiter*>(ready_.next);
    waiter->unlink();
    waiter->handle_.resume();
  }
}

int Loop::wait_ms(Instant until) const {
  if (ready_.linked() || stopped_) return 0;
  Instant next = heap_.empty() ? until : std::min(until, heap_.front()->deadline_);
  if (next == kNever) return -1;
  auto left = next - now();
  if (left <= Duration::zero()) return 0;
  auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return static_cast<int>(std::min<int64_t>(ms, 60'000));
}

void Loop::wake(Waiter& waiter) {
  if (waiter.heap_index_ != SIZE_MAX) unschedule(waiter);
  waiter.unlink();
  ready_.append(waiter);
}

void Loop::add(int fd, uint32_t events, IoHandler& handler) {
  epoll_event ev{};
  ev.events = events;
  ev.data.ptr = &handler;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &ev) != 0) die("trivet: epoll_ctl");
}

void Loop::again(int fd, uint32_t events, IoHandler& handler) {
  epoll_event ev{};
  ev.events = events;
  ev.data.ptr = &handler;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &ev) != 0) die("trivet: epoll_ctl");
}

void Loop::remove(int fd, IoHandler& handler) {
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  for (int i = event_next_; i < event_count_; ++i)
    if (events_[i].data.ptr == &handler) events_[i].events = 0;
}

void Loop::schedule(Waiter& waiter) {
  waiter.heap_index_ = heap_.size();
  heap_.push_back(&waiter);
  sift_up(waiter.heap_index_);
}

void Loop::unschedule(Waiter& waiter) {
  size_t i = waiter.heap_index_;
  waiter.heap_index_ = SIZE_MAX;
  Waiter* last = heap_.back();
  heap_.pop_back();
  if (last == &waiter) return;
  heap_[i] = last;
  last->heap_index_ = i;
  sift_up(i);
  sift_down(last->heap_index_);
}

void Loop::sift_up(size_t i) {
  while (i > 0) {
    size_t parent = (i - 1) / 2;
    if (heap_[parent]->deadline_ <= heap_[i]->deadline_) return;
    std::swap(heap_[parent], heap_[i]);
    heap_[parent]->heap_index_ = parent;
    heap_[i]->heap_index_ = i;
    i = parent;
  }
}

void Loop::sift_down(size_t i) {
  for (;;) {
    size_t least = i;
    for (size_t child : {2 * i + 1, 2 * i + 2})
      if (child < heap_.size() && heap_[child]->deadline_ < heap_[least]->deadline_) least = child;
    if (least == i) return;
    std::swap(heap_[least], heap_[i]);
    heap_[least]->heap_index_ = least;
    heap_[i]->heap_index_ = i;
    i = least;
  }
}

void Loop::fire_timers() {
  if (heap_.empty()) return;
  Instant t = now();
  while (!heap_.empty() && heap_.front()->deadline_ <= t) {
    Waiter& waiter = *heap_.front();
    waiter.timed_out_ = true;
    wake(waiter);
  }
}

void Event::set() {
  set_ = true;
  while (waiters_.linked()) loop_.wake(static_cast<Waiter&>(*waiters_.next));
}

bool Event::wake_one() {
  if (!waiters_.linked()) return false;
  loop_.wake(static_cast<Waiter&>(*waiters_.next));
  return true;
}

}  // namespace trivet::loop
