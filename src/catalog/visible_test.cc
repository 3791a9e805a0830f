#include "catalog/visible.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "catalog/scratch_test.h"

namespace trivet::catalog {
namespace {

TEST(Visible, an_installation_is_the_folder_above_bin) {
  EXPECT_EQ(installation_of("/opt/x/bin/x"), "/opt/x");
  EXPECT_EQ(installation_of("/opt/x/x"), "/opt/x");
  EXPECT_EQ(installation_of("/bin/x"), "/bin/x");
  for (std::string home : {std::string{"/home"} + "/somebody", std::string{"/root"}})
    for (std::string program : {"/x", "/bin/x"})
      EXPECT_EQ(installation_of(home + program), home + program);
}

class VisibleTest : public ::testing::Test {
 protected:
  bool shows(const std::string& name) const {
    auto paths = visible_paths(snapshot, scratch / data);
    return std::count(paths.begin(), paths.end(), (scratch / name).string()) > 0;
  }
  void have_runtime() {
    scratch.write("runtimes/toy/runtime.yaml", "");
    scratch.write("tools/bin/toy", "");
    auto runtime = std::make_shared<RuntimeSpec>();
    runtime->dir = scratch / "runtimes/toy";
    runtime->binary = (scratch / "tools/bin/toy").string();
    snapshot.runtimes["toy"] = runtime;
  }
  void have_function(const std::string& place) {
    auto spec = std::make_shared<FunctionSpec>();
    spec->dir = scratch / place;
    snapshot.functions["f"] = spec;
  }

  Scratch scratch;
  std::string data = "data";
  Snapshot snapshot;
};

TEST_F(VisibleTest, runtimes_and_installations_are_shown) {
  have_runtime();
  have_function("functions/f");
  EXPECT_TRUE(shows("runtimes"));
  EXPECT_TRUE(shows("tools"));
}

TEST_F(VisibleTest, a_folder_with_a_function_is_no_installation) {
  have_runtime();
  have_function("tools/functions/f");
  EXPECT_FALSE(shows("tools"));
  EXPECT_TRUE(shows("tools/bin/toy"));
}

TEST_F(VisibleTest, a_folder_with_the_data_is_no_installation) {
  have_runtime();
  data = "tools/.trivet";
  EXPECT_FALSE(shows("tools"));
  EXPECT_TRUE(shows("tools/bin/toy"));
}

}  // namespace
}  // namespace trivet::catalog
