#include "builder/builder_fixture_test.h"

namespace trivet::builder {
namespace {

class PreparingTest : public BuilderTest {
 protected:
  catalog::RuntimeSpec runtime_prepared_by(const std::string& script) {
    auto runtime = plain_runtime();
    runtime.prepare_command = {"/bin/sh", "-c", script};
    return runtime;
  }
  size_t prepared() {
    std::error_code ec;
    size_t whole = 0;
    for (const auto& entry : fs::directory_iterator(root / "cache/prepared", ec))
      whole += entry.path().extension() == ".whole";
    return whole;
  }
};

TEST_F(PreparingTest, it_is_made_once_for_all_functions_and_stays) {
  auto runtime = runtime_prepared_by(run_mark() + "pwd >$TRIVET_PREPARED/where");
  auto first = build(function(), runtime);
  ASSERT_TRUE(first.ok()) << first.error().text();
  EXPECT_TRUE(first->output.empty());
  EXPECT_EQ(read(first->prepared / "where"), (root / "runtime").string() + "\n");
  put("g/main.x", "another");
  fresh_builder();
  auto second = build(function("g"), runtime);
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second->prepared, first->prepared);
  EXPECT_EQ(runs(), "r");
}

TEST_F(PreparingTest, builds_see_it) {
  auto runtime = runtime_prepared_by("echo shim >${output}/shim");
  runtime.build_steps.push_back(step("compile", "cat $TRIVET_PREPARED/shim >${output}/app"));
  auto artifact = build(function(), runtime);
  ASSERT_TRUE(artifact.ok()) << artifact.error().text();
  EXPECT_EQ(read(artifact->output / "app"), "shim\n");
}

TEST_F(PreparingTest, another_folder_toolchain_or_command_makes_another) {
  auto runtime = runtime_prepared_by(run_mark());
  EXPECT_TRUE(build(function(), runtime).ok());
  runtime.version = "1.1";
  EXPECT_TRUE(build(function(), runtime).ok());
  runtime.binary = "/opt/x";
  EXPECT_TRUE(build(function(), runtime).ok());
  put("runtime/shim.x", "shim");
  EXPECT_TRUE(build(function(), runtime).ok());
  EXPECT_TRUE(build(function(), runtime_prepared_by(run_mark() + "true")).ok());
  EXPECT_EQ(runs(), "rrrrr");
  EXPECT_EQ(prepared(), 5u);
}

TEST_F(PreparingTest, who_comes_meanwhile_waits_for_it) {
  auto runtime =
      runtime_prepared_by(run_mark() + "touch " + (root / "begun").string() + "; until test -e " +
                          (root / "go").string() + "; do sleep 0.01; done");
  put("g/main.x", "another");
  Caller first, second;
  call(first, function(), runtime);
  await_file(root / "begun");
  call(second, function("g"), runtime);
  loop.run_once(loop.now() + 10ms);
  EXPECT_FALSE(second.outcome);
  put("go", "");
  while (!first.outcome || !second.outcome) loop.run_once();
  EXPECT_TRUE(first.outcome->ok() && second.outcome->ok());
  EXPECT_EQ(runs(), "r");
}

TEST_F(PreparingTest, one_that_fails_says_so_and_is_tried_again) {
  auto runtime = runtime_prepared_by(run_mark() + "echo no compiler >&2; test -e " +
                                     (root / "mended").string());
  auto failed = build(function(), runtime);
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code, ErrorCode::kBuildFailed);
  EXPECT_EQ(failed.error().message,
            "build step \"prepare\" of the runtime x ended with exit code 1");
  EXPECT_NE(detail(failed.error(), "output").find("no compiler"), std::string::npos);
  EXPECT_EQ(prepared(), 0u);
  put("mended", "");
  EXPECT_TRUE(build(function(), runtime).ok());
  EXPECT_EQ(runs(), "rr");
}

}  // namespace
}  // namespace trivet::builder
