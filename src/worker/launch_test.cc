#include "worker/launch.h"

#include <gtest/gtest.h>

#include "wire/frame.h"
#include "wire/json.h"

namespace trivet::worker {
namespace {

wire::json::object meta_of(const std::string& frame) {
  constexpr size_t kHeader = 16;
  return wire::parse_json(frame.substr(kHeader))->as_object();
}

TEST(Launch, load_names_what_the_build_made) {
  LaunchPlan plan;
  plan.function = "f";
  plan.dir = "/functions/f";
  EXPECT_EQ(meta_of(load_frame(plan)).count("output"), 0u);
  plan.output = "/data/artifacts/17";
  EXPECT_EQ(meta_of(load_frame(plan)).at("output").as_string(), "/data/artifacts/17");
}

TEST(Launch, load_tells_the_memory_where_it_is_limited) {
  LaunchPlan plan;
  plan.policy = sandbox::at_level(sandbox::Level::kSandbox);
  plan.policy.limits.memory_bytes = int64_t{64} << 20;
  EXPECT_EQ(meta_of(load_frame(plan)).at("memory").as_int64(), int64_t{64} << 20);
  plan.policy.limits.memory_bytes = 0;
  EXPECT_EQ(meta_of(load_frame(plan)).count("memory"), 0u);
  plan.policy = sandbox::at_level(sandbox::Level::kProcess);
  EXPECT_EQ(meta_of(load_frame(plan)).count("memory"), 0u);
}

}  // namespace
}  // namespace trivet::worker
