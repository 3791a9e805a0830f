#include "pool/breaker.h"

#include <algorithm>

namespace trivet::pool {

std::string_view name(Breaker::State state) {
  switch (state) {
    case Breaker::State::kOpen:
      return "open";
    case Breaker::State::kHalfOpen:
      return "half_open";
    default:
      return "closed";
  }
}

Breaker::State Breaker::state(Instant now) const {
  if (!open_) return State::kClosed;
  return now < open_until_ ? State::kOpen : State::kHalfOpen;
}

Breaker::Entry Breaker::enter(Instant now) {
  switch (state(now)) {
    case State::kClosed:
      return Entry::kGo;
    case State::kOpen:
      return Entry::kRefused;
    case State::kHalfOpen:
      break;
  }
  if (trying_) return Entry::kRefused;
  trying_ = true;
  return Entry::kTrial;
}

void Breaker::succeeded(Instant now) {
  if (settings_.failures == 0) return;
  if (state(now) == State::kOpen) return;  // of a call that began before
  if (open_) slices_ = {};
  open_ = trying_ = false;
  ++slice(now).good;
}

bool Breaker::failed(Instant now) {
  if (settings_.failures == 0 || state(now) == State::kOpen) return false;
  ++slice(now).bad;
  if (!open_ && !too_many(now)) return false;
  open_ = true;
  trying_ = false;
  open_until_ = after(now, settings_.cooldown);
  ++opened_;
  return true;
}

Duration Breaker::cooling(Instant now) const {
  return open_ ? std::max(Duration::zero(), open_until_ - now) : Duration::zero();
}

int64_t Breaker::number_of(Instant now) const {
  return now.time_since_epoch() / (settings_.window / static_cast<int64_t>(kSlices));
}

Breaker::Slice& Breaker::slice(Instant now) {
  int64_t number = number_of(now);
  Slice& found = slices_[static_cast<size_t>(number) % kSlices];
  if (found.number != number) found = {number, 0, 0};
  return found;
}

bool Breaker::too_many(Instant now) const {
  int64_t oldest = number_of(now) - static_cast<int64_t>(kSlices) + 1;
  int64_t good = 0, bad = 0;
  for (const Slice& slice : slices_) {
    if (slice.number < oldest) continue;
    good += slice.good;
    bad += slice.bad;
  }
  return bad >= settings_.failures && bad >= good;
}

}  // namespace trivet::pool
