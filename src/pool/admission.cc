#include "pool/admission.h"

#include <algorithm>

#include "base/limits.h"

namespace trivet::pool {

Admission::Settings Admission::settings_for(Duration timeout) {
  return {std::clamp<Duration>(timeout / limits::kQueueTargetShare, limits::kQueueTargetLeast,
                               limits::kQueueTargetMost),
          limits::kQueueInterval};
}

void Admission::granted(Instant now, Duration queued, int left) {
  if (moving_) {
    Duration gap = now - last_grant_;
    ++seen_;
    // The mean at first, then one that forgets.
    gap_ += (gap - gap_) / std::min(seen_, 4 * kEnough);
  }
  last_grant_ = now;
  moving_ = left > 0;
  // A queue kept at the target stands still: half of it says that fewer come.
  Duration slow = standing(now) ? settings_.target / 2 : settings_.target;
  if (queued <= slow || left == 0)
    slow_since_ = kNever;
  else if (slow_since_ == kNever)
    slow_since_ = now;
}

Duration Admission::expected_wait(int waiting) const {
  if (seen_ < kEnough) return {};
  constexpr Duration kMost = std::chrono::hours{24};
  return gap_ > kMost / (waiting + 1) ? kMost : gap_ * (waiting + 1);
}

bool Admission::standing(Instant now) const {
  return slow_since_ != kNever && now - slow_since_ >= settings_.interval;
}

bool Admission::refuses(Instant now, int waiting, Instant deadline) const {
  if (waiting == 0) return false;
  Duration wait = expected_wait(waiting);
  if (wait == Duration::zero()) return false;
  return after(now, wait) > deadline || (standing(now) && wait > settings_.target);
}

int64_t Admission::retry_after_s(int waiting) const {
  auto wait = std::chrono::ceil<std::chrono::seconds>(expected_wait(waiting));
  return std::clamp<int64_t>(wait.count(), 1,
                             std::chrono::seconds{limits::kRetryAfterMost}.count());
}

}  // namespace trivet::pool
