#include "worker/launch.h"

#include <gtest/gtest.h>

namespace trivet::worker {
namespace {

TEST(LoadFrame, names_what_a_build_made_and_only_then) {
  LaunchPlan plan;
  EXPECT_EQ(load_frame(plan).find("output"), std::string::npos);
  plan.output = "/cache/artifacts/key";
  EXPECT_NE(load_frame(plan).find(R"("output":"/cache/artifacts/key")"), std::string::npos);
}

}  // namespace
}  // namespace trivet::worker
