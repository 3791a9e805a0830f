#pragma once
// Time comes in from outside: deciding parts take a Clock, tests give them a FakeClock.
//
// Instant is monotonic nanoseconds (CLOCK_MONOTONIC); wall time is only for people and for stamps.

#include <chrono>
#include <cstdint>

namespace trivet {

using Duration = std::chrono::nanoseconds;
using Instant = std::chrono::time_point<std::chrono::steady_clock, Duration>;

inline constexpr Instant kNever = Instant::max();
using namespace std::chrono_literals;  // NOLINT: durations read as words everywhere

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const = 0;
  // Milliseconds since the Unix epoch.
  virtual int64_t unix_ms() const = 0;
};

class RealClock final : public Clock {
 public:
  Instant now() const override { return std::chrono::steady_clock::now(); }
  int64_t unix_ms() const override {
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
  }
};

// Stands still until told to advance. Not thread-safe.
class FakeClock final : public Clock {
 public:
  Instant now() const override { return now_; }
  int64_t unix_ms() const override {
    return 1'700'000'000'000 +
           std::chrono::duration_cast<std::chrono::milliseconds>(now_.time_since_epoch()).count();
  }
  void advance(Duration d) { now_ += d; }

 private:
  Instant now_{};
};

inline double to_ms(Duration d) { return std::chrono::duration<double, std::milli>(d).count(); }

// start + d, saturating at kNever (a timeout of Duration::max() means none).
inline Instant after(Instant start, Duration d) { return d >= kNever - start ? kNever : start + d; }

}  // namespace trivet
