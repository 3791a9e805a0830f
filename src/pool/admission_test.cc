#include "pool/admission.h"

#include <gtest/gtest.h>

#include <deque>

#include "base/limits.h"

namespace trivet::pool {
namespace {

constexpr Instant kStart{std::chrono::hours{100}};
constexpr Admission::Settings kSettings{1s, 1s};

// One worker that takes `run` for a call, and a queue before it.
struct Line {
  Admission admission{kSettings};
  Instant now = kStart;
  std::deque<Instant> queue;
  int refused = 0;

  void arrive(int count, Duration patience = 1h) {
    for (int i = 0; i < count; ++i) {
      if (admission.refuses(now, static_cast<int>(queue.size()), now + patience))
        ++refused;
      else
        queue.push_back(now);
    }
  }
  void serve_one(Duration run) {
    now += run;
    if (queue.empty()) return;
    Duration queued = now - queue.front();
    queue.pop_front();
    admission.granted(now, queued, static_cast<int>(queue.size()));
  }
};

TEST(Admission, a_burst_is_let_through_however_long_it_takes) {
  Line line;
  line.arrive(500);
  while (!line.queue.empty()) line.serve_one(10ms);
  line.arrive(500);
  EXPECT_EQ(line.refused, 0);
  EXPECT_EQ(line.queue.size(), 500u);
}

TEST(Admission, overload_shortens_the_queue_to_the_target_and_never_empties_it) {
  Line line;
  for (int i = 0; i < 3000; ++i) {
    line.arrive(5);
    line.serve_one(10ms);
    ASSERT_FALSE(line.queue.empty()) << i;
  }
  EXPECT_GT(line.refused, 11'000);
  EXPECT_LE(line.now - line.queue.front(), Duration{1050ms});
  EXPECT_EQ(line.admission.retry_after_s(static_cast<int>(line.queue.size())), 1);
  EXPECT_GE(line.now - line.queue.front(), Duration{900ms});
}

TEST(Admission, the_end_of_overload_lets_all_in_again) {
  Line line;
  for (int i = 0; i < 1000; ++i) {
    line.arrive(5);
    line.serve_one(10ms);
  }
  ASSERT_TRUE(line.admission.standing(line.now));
  while (!line.queue.empty()) line.serve_one(10ms);
  EXPECT_FALSE(line.admission.standing(line.now));
  line.refused = 0;
  line.arrive(300);
  EXPECT_EQ(line.refused, 0);
}

TEST(Admission, a_call_that_cannot_be_served_in_time_is_refused_at_once) {
  Line line;
  line.arrive(200);
  for (int i = 0; i < 100; ++i) line.serve_one(100ms);
  ASSERT_EQ(line.admission.expected_wait(99), Duration{10s});
  EXPECT_TRUE(line.admission.refuses(line.now, 99, line.now + 9s));
  EXPECT_EQ(line.admission.retry_after_s(99), 10);
}

TEST(Admission, nothing_is_refused_before_the_pace_is_known_or_when_nobody_waits) {
  Admission admission{kSettings};
  EXPECT_FALSE(admission.refuses(kStart, 10'000, kStart));
  EXPECT_EQ(admission.retry_after_s(10'000), 1);
  for (int i = 0; i < 100; ++i) admission.granted(kStart + i * 10s, 100s, 5);
  EXPECT_FALSE(admission.refuses(kStart + 1000s, 0, kStart + 1001s));
  EXPECT_TRUE(admission.refuses(kStart + 1000s, 5, kStart + 1001s));
  EXPECT_EQ(admission.retry_after_s(1'000'000'000), 60);
}

TEST(Admission, the_target_follows_the_timeout_within_bounds) {
  EXPECT_EQ(Admission::settings_for(1ms).target, Duration{limits::kQueueTargetLeast});
  EXPECT_EQ(Admission::settings_for(15s).target, Duration{1s});
  EXPECT_EQ(Admission::settings_for(10h).target, Duration{limits::kQueueTargetMost});
}

}  // namespace
}  // namespace trivet::pool
