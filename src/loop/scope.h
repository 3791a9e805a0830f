#pragma once
// Scope: owns background tasks. Nothing is detached: a task lives in a Scope, and dies with it.
//
//   Scope scope{loop};
//   scope.spawn(serve(connection));       // starts now, runs to its first wait
//   co_await scope.join(deadline);        // true when all have ended
//   scope.cancel();                       // drops those that are left (also what the destructor
//   does)
//
// A task must not cancel or destroy the Scope that it runs in.

#include "loop/loop.h"
#include "loop/task.h"

namespace trivet::loop {

class Scope {
 public:
  explicit Scope(Loop& loop) : empty_(loop) { empty_.set(); }
  ~Scope() { cancel(); }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  void spawn(Task<> task);
  void cancel();
  size_t size() const { return count_; }
  // true: every task has ended; false: the deadline passed.
  Event::Awaiter join(Instant deadline = kNever) { return empty_.wait(deadline); }

 private:
  struct Root;
  static Root run(Task<> task);

  Event empty_;
  Link roots_;
  size_t count_ = 0;
};

// The coroutine around a spawned task: linked into the scope, destroys itself at its end.
struct Scope::Root {
  struct promise_type : Link {
    Scope* scope = nullptr;
    Root get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    struct End {
      bool await_ready() noexcept { return false; }
      void await_suspend(std::coroutine_handle<promise_type> self) noexcept {
        Scope* scope = self.promise().scope;
        self.destroy();
        if (--scope->count_ == 0) scope->empty_.set();
      }
      void await_resume() noexcept {}
    };
    End final_suspend() noexcept { return {}; }
    void return_void() {}
    [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }
  };
  std::coroutine_handle<promise_type> handle;
};

inline Scope::Root Scope::run(Task<> task) { co_await std::move(task); }

inline void Scope::spawn(Task<> task) {
  Root root = run(std::move(task));
  root.handle.promise().scope = this;
  roots_.append(root.handle.promise());
  if (count_++ == 0) empty_.reset();
  root.handle.resume();
}

inline void Scope::cancel() {
  while (roots_.linked()) {
    auto& promise = static_cast<Root::promise_type&>(*roots_.next);
    std::coroutine_handle<Root::promise_type>::from_promise(promise).destroy();
    --count_;
  }
  empty_.set();
}

}  // namespace trivet::loop
