#include "pool/policy.h"

#include <algorithm>

namespace trivet::pool {

int workers_to_start(const catalog::Scale& scale, const Standing& standing) {
  if (standing.held_back) return 0;
  int present = standing.workers + standing.starting;
  int coming = standing.starting * standing.slots_each + standing.free_slots;
  int unserved = std::max(0, standing.waiting - coming);
  int wanted = (unserved + standing.slots_each - 1) / standing.slots_each;
  wanted = std::max(wanted, scale.min - present);
  return std::clamp(wanted, 0, std::max(0, scale.max + scale.overflow - present));
}

bool should_wait(const Demand& demand) {
  bool short_calls = demand.run > Duration::zero() && demand.run <= kShort;
  return short_calls && demand.since_moved <= kStandstill &&
         demand.busy >= std::max(1, demand.cpus - 1);
}

int places_to_wait(const catalog::Scale& scale, const Standing& standing) {
  int more = std::max(0, scale.max + scale.overflow - standing.workers);  // starting ones included
  return scale.queue + more * standing.slots_each + standing.free_slots;
}

Duration backoff(const catalog::Restart& restart, int failures, double dice) {
  Duration delay = restart.backoff_min;
  for (int i = 1; i < failures && delay < restart.backoff_max; ++i) delay *= 2;
  delay = std::min(delay, restart.backoff_max);
  return delay - std::chrono::duration_cast<Duration>(delay * (dice / 4));
}

Fate fate(const catalog::Scale& scale, const catalog::Restart& restart, const Standing& standing,
          const IdleWorker& worker) {
  if (restart.max_calls > 0 && worker.calls >= restart.max_calls) return Fate::kRecycle;
  if (restart.max_age > Duration::zero() && worker.age >= restart.max_age) return Fate::kRecycle;
  if (standing.waiting > 0) return Fate::kKeep;
  if (standing.workers > scale.max && worker.idle >= std::min(kSurplusIdle, scale.idle))
    return Fate::kSurplus;
  if (standing.workers > scale.min && worker.idle >= scale.idle) return Fate::kIdle;
  return Fate::kKeep;
}

}  // namespace trivet::pool
