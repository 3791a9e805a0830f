#pragma once
// What a pool decides, as pure functions of what it sees. No clock, no workers, no I/O: tests call
// these directly.

#include <cstdint>

#include "base/clock.h"
#include "catalog/function.h"

namespace trivet::pool {

// What a pool sees of itself at one moment.
struct Standing {
  int workers = 0;         // started and not ended, whatever they do
  int starting = 0;        // on their way
  int free_slots = 0;      // calls that could be taken now
  int waiting = 0;         // calls in the queue
  int slots_each = 1;      // calls that one more worker would take
  bool held_back = false;  // the back-off forbids a start now
};

// How many workers to start now: enough for those who wait, never above max + overflow, at least
// `min` in all.
int workers_to_start(const catalog::Scale& scale, const Standing& standing);

// The moment at which a call asks for a worker.
struct Demand {
  int busy = 0;            // workers that have a call
  int cpus = 1;            // that this process may use
  Duration run{};          // what three of four calls take at least, lately; zero: not known
  Duration since_moved{};  // since a call was last given a worker
};
// Does a call do better to wait for a worker that is busy than to wake, or start, one more? Where
// as many are busy as there are CPUs beside the host's own, one more takes its time from the others
// and costs a switch. So calls of a function that is short wait, for as long as the queue moves.
bool should_wait(const Demand& demand);
inline constexpr Duration kShort = 250us;
inline constexpr Duration kStandstill = 1ms;

// How many calls may wait: scale.queue, and those that workers which are idle, are coming, or may
// still be started, will take.
int places_to_wait(const catalog::Scale& scale, const Standing& standing);

// How long to wait before the next start after `failures` failures in a row (1 = the first).
// Doubles from backoff_min up to backoff_max; `dice` in [0, 1) takes up to a quarter off, so that
// many pools do not start in step.
Duration backoff(const catalog::Restart& restart, int failures, double dice);

// A worker with nothing to do, seen by the reaper.
struct IdleWorker {
  Duration idle{};
  Duration age{};
  int64_t calls = 0;
};
// A worker above scale.max is kept for a moment: to start one costs more than to let it wait.
inline constexpr Duration kSurplusIdle = 2s;
enum class Fate { kKeep, kIdle, kSurplus, kRecycle };
// `standing.workers` counts this one. Never applied to a worker that has a call.
Fate fate(const catalog::Scale& scale, const catalog::Restart& restart, const Standing& standing,
          const IdleWorker& worker);

}  // namespace trivet::pool
