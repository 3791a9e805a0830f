#pragma once
// How functions share the workers that the host may have, as pure functions of what each has and
// wants. budget.h applies them.
//
// While there is room, a function starts what it wants. Without room the next worker goes to the
// function that waits and has the fewest; to make room, the worker that has been idle longest ends,
// whosever it is; where none is idle, a function that has two more than one that waits gives up a
// worker at the end of its call, and one without any worker is given one after a turn.

#include <cstddef>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"

namespace trivet::pool {

// What one pool has and wants.
struct Stake {
  int workers = 0;              // started and not gone
  int wanting = 0;              // workers that its calls wait for and that it could not start
  Instant since = kNever;       // when it began to want
  Instant idle_since = kNever;  // of its worker that has been idle longest; kNever: none is idle
};

inline constexpr Duration kIdleEnough = 100ms;  // for a worker to end for others that have some

// There is room for one worker: is it for `self`, or for one that has fewer, or as many and has
// waited longer?
bool may_start(const std::vector<Stake>& stakes, size_t self);
// Whose turn it is when a worker has gone.
std::optional<size_t> next_to_start(const std::vector<Stake>& stakes);
// Whose idle worker ends so that `self` can start one.
std::optional<size_t> whose_idle_ends(const std::vector<Stake>& stakes, size_t self, Instant now);
// Must `self` give up a worker that has just ended its call?
bool must_yield(const std::vector<Stake>& stakes, size_t self, Instant now);

}  // namespace trivet::pool
