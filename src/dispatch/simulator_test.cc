// A million steps over ten thousand seeds. A seed that fails is printed; it alone, with all that
// happens in it, is run by
//
//   TRIVET_SIM_SEED=1234 dispatch_test --gtest_filter='Simulator.one_seed'

#include <gtest/gtest.h>

#include <cstdlib>

#include "dispatch/sim_test.h"

namespace trivet::sim {
namespace {

constexpr uint64_t kSeeds = 10'000, kParts = 10;
constexpr int kSteps = 100;

std::string how_to_repeat(uint64_t seed) {
  return "TRIVET_SIM_SEED=" + std::to_string(seed) +
         " dispatch_test --gtest_filter=Simulator.one_seed";
}

// Nobody asks for the first, and simulated workers are not processes.
bool can_happen(worker::EndReason reason) {
  using worker::EndReason;
  for (auto never : {EndReason::kDrained, EndReason::kOutOfMemory, EndReason::kZygoteEnded,
                     EndReason::kLauncherEnded})
    if (reason == never) return false;
  return true;
}

class Part : public testing::TestWithParam<uint64_t> {};

TEST_P(Part, of_the_seeds_has_no_violation) {
  uint64_t first = GetParam() * (kSeeds / kParts);
  Outcome total;
  for (uint64_t seed = first; seed < first + kSeeds / kParts; ++seed) {
    Outcome outcome = simulate({.seed = seed, .steps = kSteps});
    ASSERT_EQ(outcome.violation, "") << how_to_repeat(seed);
    ASSERT_EQ(outcome.calls, outcome.answered + outcome.dropped) << how_to_repeat(seed);
    total.calls += outcome.calls;
    total.answered += outcome.answered;
    total.ask_answers += outcome.ask_answers;
    total.nested_most = std::max(total.nested_most, outcome.nested_most);
    for (size_t i = 0; i < total.errors.size(); ++i) total.errors[i] += outcome.errors[i];
    for (size_t i = 0; i < total.ends.size(); ++i) total.ends[i] += outcome.ends[i];
  }
  // What is simulated does happen.
  for (auto code : {ErrorCode::kOverloaded, ErrorCode::kCircuitOpen, ErrorCode::kFunctionTimeout,
                    ErrorCode::kFunctionCrashed, ErrorCode::kFunctionError,
                    ErrorCode::kInvalidOutput, ErrorCode::kLoadFailed, ErrorCode::kBuildFailed})
    EXPECT_GT(total.errors[static_cast<size_t>(code)], 0) << traits(code).name;
  EXPECT_GT(total.ask_answers, 0);
  EXPECT_GT(total.nested_most, 2);
  for (size_t i = 0; i < total.ends.size(); ++i) {
    auto reason = static_cast<worker::EndReason>(i);
    if (!can_happen(reason)) continue;
    EXPECT_GT(total.ends[i], 0) << worker::name(reason);
  }
}

INSTANTIATE_TEST_SUITE_P(Simulator, Part, testing::Range(uint64_t{0}, kParts));

TEST(Simulator, one_seed) {
  const char* seed = std::getenv("TRIVET_SIM_SEED");
  if (!seed) GTEST_SKIP() << "TRIVET_SIM_SEED names none";
  Outcome outcome =
      simulate({.seed = std::strtoull(seed, nullptr, 10), .steps = kSteps, .trace = true});
  EXPECT_EQ(outcome.violation, "");
}

TEST(Simulator, a_seed_is_the_same_each_time) {
  for (uint64_t seed : {1u, 2u, 3u}) {
    Outcome one = simulate({.seed = seed, .steps = 300}),
            two = simulate({.seed = seed, .steps = 300});
    EXPECT_EQ(one.calls, two.calls);
    EXPECT_EQ(one.errors, two.errors);
    EXPECT_EQ(one.ends, two.ends);
  }
}

// The first violation that a planted bug leads to.
std::string found(Plant plant, uint64_t seeds) {
  for (uint64_t seed = 0; seed < seeds; ++seed)
    if (auto outcome = simulate({.seed = seed, .steps = kSteps, .plant = plant});
        !outcome.violation.empty())
      return outcome.violation;
  return "";
}

TEST(Simulator, finds_a_double_lease) {
  EXPECT_EQ(found(Plant::kDoubleLease, 20), "a worker was lent beyond its capacity");
}

TEST(Simulator, finds_a_lost_wake_up) {
  EXPECT_EQ(found(Plant::kLostWakeUp, 500), "a call waits while a worker is free");
}

TEST(Simulator, finds_a_late_reply_mixed_up) {
  EXPECT_NE(found(Plant::kMixedReply, 100).find("was given the answer to"), std::string::npos);
}

TEST(Simulator, finds_a_worker_that_nobody_counts) { EXPECT_NE(found(Plant::kTwoStarts, 20), ""); }

TEST(Simulator, finds_a_process_that_is_left) { EXPECT_NE(found(Plant::kLeak, 20), ""); }

}  // namespace
}  // namespace trivet::sim
