#pragma once
// BlockingPool: where work that blocks (hashing a tree, reading a thousand manifests) is done, off
// the loop.
//
//   auto spec = co_await blocking.run(loop, [path] { return read_manifest(path); });
//
// The function runs on another thread and must not touch what the loop owns. Dropping the awaiting
// task leaves the function to finish and throws its result away. Threads start on demand and are
// joined by the destructor, which waits for what runs.

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "loop/loop.h"
#include "loop/task.h"

namespace trivet::loop {

class BlockingPool {
 public:
  explicit BlockingPool(size_t threads) : most_(threads) {}
  ~BlockingPool();

  template <class F>
  Task<std::invoke_result_t<F>> run(Loop& loop, F work);

 private:
  void submit(std::function<void()> job);
  void work();

  size_t most_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;  // guarded by mutex_
  std::vector<std::thread> threads_;        // guarded by mutex_
  size_t idle_ = 0;                         // guarded by mutex_
  bool stop_ = false;                       // guarded by mutex_
};

template <class F>
Task<std::invoke_result_t<F>> BlockingPool::run(Loop& loop, F work) {
  using T = std::invoke_result_t<F>;
  struct State {
    explicit State(Loop& l) : done(l) {}
    Event done;              // loop thread
    std::optional<T> value;  // written by the worker, read by the loop after post()
  };
  auto state = std::make_shared<State>(loop);
  submit([state, &loop, job = std::move(work)]() mutable {
    state->value.emplace(job());
    loop.post([state = std::move(state)] { state->done.set(); });
  });
  co_await state->done.wait();
  co_return std::move(*state->value);
}

}  // namespace trivet::loop
