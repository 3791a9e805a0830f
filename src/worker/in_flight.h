#pragma once
// InFlight: one call that a framed worker has. Shared by the worker, the coroutine that waits and
// the reply's stream; whoever is last lets go. `worker` is null once the worker has nothing more to
// do with it.

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/limits.h"
#include "loop/loop.h"
#include "loop/scope.h"
#include "worker/framed.h"

namespace trivet::worker {

struct InFlight {
  InFlight(loop::Loop& loop, Framed& owner, uint32_t number, const Call& call)
      : worker(&owner),
        id(number),
        call_id(call.id),
        auth(call.auth),
        depth(call.depth),
        deadline(call.deadline),
        done(loop),
        more(loop),
        credited(loop),
        settled(loop) {}

  Framed* worker;
  uint32_t id;
  std::string call_id;
  std::string auth;
  int depth;
  Instant deadline;
  bool given_up = false;  // nobody waits for it any more
  bool overdue = false;   // because its deadline has passed

  loop::Event done;  // `outcome` is there
  std::optional<Result<Reply>> outcome;

  // Reply stream: pieces that came and were not taken yet.
  bool streaming = false;  // REPLY had `more`
  bool stream_over = false;
  std::optional<Error> stream_error;
  std::deque<std::string> pieces;
  size_t held_bytes = 0;
  loop::Event more;

  // Input stream: what we may still send.
  size_t credit = limits::kStreamCredit;
  loop::Event credited;

  loop::Event settled;  // the worker owes nothing more

  // The calls that it made and that are not answered yet; null before the first. They end with it.
  struct Asks {
    explicit Asks(loop::Loop& loop) : scope(loop) {}
    std::map<int64_t, std::string> open;  // by the worker's number: the function that is called
    loop::Scope scope;
  };
  std::unique_ptr<Asks> asks;

  void finish(Result<Reply> result) {
    if (outcome) return;
    outcome.emplace(std::move(result));
    done.set();
  }
  void end_stream(std::optional<Error> error) {
    stream_over = true;
    stream_error = std::move(error);
    more.set();
  }
  void give_up(bool timed_out) {
    if (worker && !given_up) worker->give_up(*this, timed_out);
  }
  void consumed(size_t bytes);  // tells the worker that it may send as much again
};

}  // namespace trivet::worker
