#include "gateway/timing.h"

#include <algorithm>

namespace trivet::gateway {
namespace {

// Milliseconds with three digits: as "%.3f", in a tenth of the time.
void append_ms(std::string& out, Duration d) {
  int64_t us = std::max<int64_t>(0, std::chrono::round<std::chrono::microseconds>(d).count());
  out += std::to_string(us / 1000);
  char fraction[4] = {'.', static_cast<char>('0' + us / 100 % 10),
                      static_cast<char>('0' + us / 10 % 10), static_cast<char>('0' + us % 10)};
  out.append(fraction, sizeof fraction);
}

Duration worker::Timing::*phase_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kOverloaded:
    case ErrorCode::kUnavailable:
      return &worker::Timing::queue;
    case ErrorCode::kCircuitOpen:
    case ErrorCode::kRuntimeNotAvailable:
    case ErrorCode::kBuildFailed:
    case ErrorCode::kLoadFailed:
      return &worker::Timing::start;
    default:
      return &worker::Timing::run;
  }
}

}  // namespace

std::string server_timing(const worker::Timing& timing) {
  std::string text;
  text.reserve(64);
  append_ms(text += "queue;dur=", timing.queue);
  append_ms(text += ", start;dur=", timing.start);
  append_ms(text += ", run;dur=", timing.run);
  return text;
}

std::string CallTimer::header(const Result<worker::Reply>& outcome) const {
  if (outcome) return server_timing(outcome->timing);
  worker::Timing timing;
  timing.*phase_of(outcome.error().code) = elapsed();
  return server_timing(timing);
}

}  // namespace trivet::gateway
