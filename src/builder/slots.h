#pragma once
// Slots: how many things may run at once. Who comes when all are taken waits in line.
//
//   auto slot = co_await slots.take();   // free again when it is destroyed
//
// Loop thread only. A task that is dropped while it waits leaves the line.

#include <utility>

#include "loop/loop.h"
#include "loop/task.h"

namespace trivet::builder {

class Slots {
 public:
  Slots(loop::Loop& loop, int most) : loop_(loop), free_(most) {}

  class Held {
   public:
    explicit Held(Slots& slots) : slots_(&slots) {}
    Held(Held&& other) noexcept : slots_(std::exchange(other.slots_, nullptr)) {}
    Held& operator=(Held&&) = delete;
    ~Held() {
      if (slots_) slots_->give_back();
    }

   private:
    Slots* slots_;
  };
  loop::Task<Held> take() {
    if (free_ > 0 && !line_.linked()) {
      --free_;
      co_return Held{*this};
    }
    Waiting turn{*this};
    co_await turn.come.wait();
    turn.is_taken = true;
    co_return Held{*this};
  }
  bool is_full() const { return free_ == 0; }
  int waiting() const { return waiting_; }

 private:
  struct Waiting : loop::Link {
    explicit Waiting(Slots& s) : slots(s), come(s.loop_) {
      slots.line_.append(*this);
      ++slots.waiting_;
    }
    ~Waiting() {
      --slots.waiting_;
      unlink();
      if (has_come && !is_taken) slots.give_back();  // dropped between its turn and its resumption
    }
    Slots& slots;
    loop::Event come;
    bool has_come = false, is_taken = false;
  };
  void give_back() {
    if (!line_.linked()) {
      ++free_;
      return;
    }
    auto& next = static_cast<Waiting&>(*line_.next);
    next.unlink();
    next.has_come = true;
    next.come.set();
  }

  loop::Loop& loop_;
  int free_;
  int waiting_ = 0;
  loop::Link line_;
};

}  // namespace trivet::builder
