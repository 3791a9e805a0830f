#pragma once
// Breaker: stops calling a function whose workers fail again and again, for a while.
//
// Closed: calls go on; outcomes of the last `window` are counted. Open: calls are refused for
// `cooldown`. Half-open: one call at a time tries; its success closes, its failure opens again. A
// failure is one of the worker (crash, garbage, no start, timeout), never an error that user code
// threw. It opens when there are `failures` of them within the window and no fewer of them than
// successes: a function that serves well must not be closed to all by the few calls that crash it.
// Pure: the time is passed in.

#include <array>
#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "catalog/function.h"

namespace trivet::pool {

class Breaker {
 public:
  explicit Breaker(catalog::Breaker settings) : settings_(settings) {}

  enum class State { kClosed, kOpen, kHalfOpen };
  State state(Instant now) const;
  enum class Entry { kGo, kTrial, kRefused };
  // May a call go on? After kTrial nobody else may, until succeeded(), failed() or abandoned().
  Entry enter(Instant now);
  void succeeded(Instant now);
  // True when this opened it.
  bool failed(Instant now);
  // The call that tried has ended and told nothing: another may try.
  void abandoned() { trying_ = false; }
  // Until a call may try; zero: one may try now, or tries.
  Duration cooling(Instant now) const;
  int64_t opened() const { return opened_; }  // how often

 private:
  static constexpr size_t kSlices = 10;  // of the window
  struct Slice {
    int64_t number = -1;  // which slice of all time this is
    int64_t good = 0, bad = 0;
  };
  Slice& slice(Instant now);
  bool too_many(Instant now) const;
  int64_t number_of(Instant now) const;

  catalog::Breaker settings_;
  std::array<Slice, kSlices> slices_{};
  bool open_ = false, trying_ = false;
  Instant open_until_{};
  int64_t opened_ = 0;
};

std::string_view name(Breaker::State state);  // "half_open"

}  // namespace trivet::pool
