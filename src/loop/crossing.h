#pragma once
// Crossing: a task of another loop, awaited here.
//
//   auto make = [&other, call = std::move(call)]() mutable { return other.invoke(std::move(call));
//   }; auto reply = co_await run_on<Result<Reply>>(here, there, scope_there, std::move(make));
//
// `make` and its task run on the other loop's thread; its value comes back to this one. Dropping
// the awaiting task drops the other, too, a moment later. Nothing comes back from a loop that has
// stopped. Both loops outlive the crossing.

#include <memory>
#include <optional>
#include <utility>

#include "loop/loop.h"
#include "loop/scope.h"
#include "loop/task.h"

namespace trivet::loop {

template <class T>
struct Crossing {
  Crossing(Loop& here, Loop& there) : come_back(here), settled(there) {}
  Event come_back;         // here: `value` is set
  std::optional<T> value;  // here
  Event settled;           // there: the task has ended, or nobody waits for it any more
};

template <class T>
Task<> end_crossing(Task<T> task, std::optional<T>& value, Event& settled) {
  value.emplace(co_await std::move(task));
  settled.set();
}

// The other side, from its first step to the way back.
template <class T, class Make>
Task<> cross(Loop& here, Loop& there, std::shared_ptr<Crossing<T>> crossing,
             std::shared_ptr<Make> make) {
  std::optional<T> value;
  {
    Scope scope{there};
    scope.spawn(end_crossing<T>((*make)(), value, crossing->settled));
    co_await crossing->settled.wait();
  }
  here.post([crossing, value = std::make_shared<std::optional<T>>(std::move(value))] {
    crossing->value = std::move(*value);
    crossing->come_back.set();
  });
}

// `scope` belongs to the other loop.
template <class T, class Make>
Task<T> run_on(Loop& here, Loop& there, Scope& scope, Make make) {
  auto crossing = std::make_shared<Crossing<T>>(here, there);
  auto held = std::make_shared<Make>(std::move(make));
  there.post([&here, &there, &scope, crossing, held = std::move(held)] {
    if (!crossing->settled.is_set()) scope.spawn(cross<T, Make>(here, there, crossing, held));
  });
  struct Drop {
    ~Drop() {
      if (!crossing->value) there.post([crossing = crossing] { crossing->settled.set(); });
    }
    Loop& there;
    std::shared_ptr<Crossing<T>> crossing;
  } drop{there, crossing};
  co_await crossing->come_back.wait();
  co_return std::move(*crossing->value);
}

}  // namespace trivet::loop
