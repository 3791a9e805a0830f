#include "pool/sharing.h"

namespace trivet::pool {

bool may_start(const std::vector<Stake>& stakes, size_t self) {
  const Stake& own = stakes[self];
  for (size_t i = 0; i < stakes.size(); ++i) {
    const Stake& other = stakes[i];
    if (i == self || other.wanting == 0) continue;
    if (other.workers < own.workers) return false;
    if (other.workers == own.workers && other.since < own.since) return false;
  }
  return true;
}

std::optional<size_t> next_to_start(const std::vector<Stake>& stakes) {
  std::optional<size_t> best;
  for (size_t i = 0; i < stakes.size(); ++i) {
    const Stake& stake = stakes[i];
    if (stake.wanting == 0) continue;
    bool better = !best || stake.workers < stakes[*best].workers ||
                  (stake.workers == stakes[*best].workers && stake.since < stakes[*best].since);
    if (better) best = i;
  }
  return best;
}

std::optional<size_t> whose_idle_ends(const std::vector<Stake>& stakes, size_t self, Instant now) {
  std::optional<size_t> best;
  for (size_t i = 0; i < stakes.size(); ++i) {
    const Stake& stake = stakes[i];
    if (i == self || stake.idle_since == kNever) continue;
    bool needed_soon = now - stake.idle_since < kIdleEnough && stakes[self].workers > 0;
    if (needed_soon) continue;
    if (!best || stake.idle_since < stakes[*best].idle_since) best = i;
  }
  return best;
}

bool must_yield(const std::vector<Stake>& stakes, size_t self, Instant now) {
  for (size_t i = 0; i < stakes.size(); ++i) {
    const Stake& stake = stakes[i];
    if (i == self || stake.wanting == 0) continue;
    if (stakes[self].workers >= stake.workers + 2) return true;
    if (stake.workers == 0 && now - stake.since >= limits::kBudgetTurn) return true;
  }
  return false;
}

}  // namespace trivet::pool
