#pragma once
// How many blank workers of a runtime to keep ahead of demand: pure, as policy.h.

#include <cstdint>

#include "base/clock.h"

namespace trivet::pool {

// How often workers are asked for, remembered with a half-life of kArrivalHalfLife.
class ArrivalRate {
 public:
  void arrived(Instant now);
  double per_second(Instant now) const;

 private:
  double weight_ = 0;  // arrivals, the old ones worth less
  Instant at_{};
};
inline constexpr Duration kArrivalHalfLife = 10s;

struct SpareDemand {
  double per_second = 0;     // workers asked for
  Duration start{};          // what one takes until it is ready; zero: not known
  int64_t bytes_each = 0;    // memory of its own; zero: not known
  int64_t bytes_in_all = 0;  // what all spares of this runtime may take
};
// One while nothing happens; more when workers are asked for faster than they start; none where the
// memory does not allow one.
int spares_wanted(const SpareDemand& demand);
inline constexpr int kSparesMost = 8;

}  // namespace trivet::pool
