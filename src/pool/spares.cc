#include "pool/spares.h"

#include <algorithm>
#include <cmath>

namespace trivet::pool {
namespace {

double seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

double faded(double weight, Duration since) {
  return weight * std::exp2(-seconds(since) / seconds(kArrivalHalfLife));
}

}  // namespace

void ArrivalRate::arrived(Instant now) {
  weight_ = faded(weight_, now - at_) + 1;
  at_ = now;
}

// A steady rate r keeps the weight at r * half-life / ln 2.
double ArrivalRate::per_second(Instant now) const {
  return faded(weight_, now - at_) * std::log(2.0) / seconds(kArrivalHalfLife);
}

int spares_wanted(const SpareDemand& demand) {
  // Those that will be asked for while one starts, twice over: arrivals come in bunches.
  double meanwhile = 2 * demand.per_second * seconds(demand.start);
  int wanted = 1 + static_cast<int>(std::min<double>(kSparesMost, std::floor(meanwhile)));
  if (demand.bytes_each > 0)
    wanted = static_cast<int>(std::min<int64_t>(wanted, demand.bytes_in_all / demand.bytes_each));
  return std::clamp(wanted, 0, kSparesMost);
}

}  // namespace trivet::pool
