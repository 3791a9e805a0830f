// How many builds run at once, how long and how large they may be, and who ends them.
#include "builder/builder_fixture_test.h"

namespace trivet::builder {
namespace {

class LimitsTest : public BuilderTest {
 protected:
  static constexpr size_t kMany = 100;
  // Each build notes how many there are with it.
  std::string counted() {
    std::string dir = (root / "now").string();
    fs::create_directories(dir);
    return "touch " + dir + "/$$; ls " + dir + " | wc -l >>" + (root / "counts").string() +
           "; sleep 0.02; rm " + dir + "/$$; touch ${output}/app # ${handler}";
  }
  void turn(Duration time) {
    for (Instant end = loop.now() + time; loop.now() < end;) loop.run_once(loop.now() + 1ms);
  }
  size_t lines_with(const std::string& text) {
    size_t count = 0;
    for (const auto& line : logs.all) count += line.message.find(text) != std::string::npos;
    return count;
  }
};

TEST_F(LimitsTest, a_hundred_builds_at_once_respect_the_limit) {
  fresh_builder({3, 30s});
  std::vector<Caller> callers(kMany);
  for (size_t i = 0; i < kMany; ++i) {
    auto spec = function();
    spec.version = spec.handler = "v" + std::to_string(i);
    call(callers[i], spec, runtime_with_step(counted()));
  }
  for (auto& caller : callers) {
    while (!caller.outcome) loop.run_once();
    EXPECT_TRUE(caller.outcome->ok());
  }
  std::istringstream counts{read(root / "counts")};
  size_t builds = 0;
  int most = 0;
  for (int count; counts >> count; ++builds) most = std::max(most, count);
  EXPECT_EQ(builds, kMany);
  EXPECT_EQ(most, 3);
  EXPECT_EQ(artifacts(), kMany);
  EXPECT_EQ(lines_with("build: waits for others"), kMany - 3);
}

TEST_F(LimitsTest, what_is_in_the_cache_waits_for_nobody) {
  fresh_builder({1, 30s});
  auto quick = function("f");
  ASSERT_TRUE(build(quick, runtime_with_step("true")).ok());
  auto slow = function("f");
  slow.version = "slow";
  Caller caller;
  call(caller, slow, runtime_with_step("touch " + (root / "begun").string() + "; sleep 60"));
  await_file(root / "begun");
  EXPECT_TRUE(build(quick, runtime_with_step("true")).ok());
}

TEST_F(LimitsTest, a_build_that_takes_too_long_is_ended) {
  auto spec = function();
  spec.build_limits.timeout = 1s;
  auto artifact = build(spec, runtime_with_step("echo begun; sleep 60"));
  ASSERT_FALSE(artifact.ok());
  EXPECT_EQ(artifact.error().code, ErrorCode::kBuildFailed);
  EXPECT_NE(artifact.error().message.find("\"compile\" of f took more than 1s"), std::string::npos)
      << artifact.error().message;
  EXPECT_EQ(detail(artifact.error(), "output"), "begun\n");
  EXPECT_EQ(artifacts(), 0u);
}

TEST_F(LimitsTest, the_steps_of_a_build_share_its_time) {
  auto runtime = runtime_with_step("sleep 0.3");
  runtime.build_steps.push_back(step("link", "sleep 0.3"));
  auto spec = function();
  spec.build_limits.timeout = 500ms;
  auto artifact = build(spec, runtime);
  ASSERT_FALSE(artifact.ok());
  EXPECT_NE(artifact.error().message.find("\"link\" of f took more than 500ms"), std::string::npos)
      << artifact.error().message;
}

TEST_F(LimitsTest, output_over_the_limit_is_refused) {
  auto spec = function();
  spec.build_limits.max_bytes = 4096;
  auto artifact = build(spec, runtime_with_step("head -c 4096 /dev/zero >${output}/app"));
  EXPECT_TRUE(artifact.ok());
  artifact = build(spec, runtime_with_step("head -c 4097 /dev/zero >${output}/app"));
  ASSERT_FALSE(artifact.ok());
  EXPECT_NE(artifact.error().message.find("\"compile\" of f made more than 4KiB"),
            std::string::npos)
      << artifact.error().message;
  EXPECT_EQ(artifacts(), 1u);
}

TEST_F(LimitsTest, output_that_grows_over_the_limit_ends_the_step) {
  auto spec = function();
  spec.build_limits.max_bytes = 4096;
  auto artifact = build(spec, runtime_with_step("head -c 9999 /dev/zero >${output}/app; sleep 60"));
  ASSERT_FALSE(artifact.ok());
  EXPECT_NE(artifact.error().message.find("made more than 4KiB"), std::string::npos);
}

TEST_F(LimitsTest, a_build_that_nobody_waits_for_goes_on_for_a_while_and_ends) {
  fresh_builder({1, 50ms});
  auto runtime = runtime_with_step("echo $$ >" + (root / "begun").string() + "; sleep 60");
  {
    Caller caller;
    call(caller, function(), runtime);
    await_file(root / "begun");
  }
  turn(10ms);
  EXPECT_EQ(artifacts(), 1u) << "it is being made";
  turn(500ms);
  EXPECT_EQ(artifacts(), 0u);
  auto other = function();
  other.version = "v2";
  EXPECT_TRUE(build(other, runtime_with_step("true")).ok()) << "its slot is free";
}

TEST_F(LimitsTest, a_build_that_somebody_asks_for_again_in_time_goes_on) {
  fresh_builder({1, 10s});
  auto runtime =
      runtime_with_step(run_mark() + "touch " + (root / "begun").string() + "; while test ! -e " +
                        (root / "go").string() + "; do sleep 0.01; done");
  {
    Caller caller;
    call(caller, function(), runtime);
    await_file(root / "begun");
  }
  Caller again;
  call(again, function(), runtime);
  put("go", "");
  while (!again.outcome) loop.run_once();
  EXPECT_TRUE(again.outcome->ok());
  EXPECT_EQ(runs(), "r");
}

TEST_F(LimitsTest, a_build_in_line_that_nobody_waits_for_leaves_it) {
  fresh_builder({1, 30s});
  std::string go = (root / "go").string();
  Caller first;
  call(first, function(),
       runtime_with_step("touch " + (root / "begun").string() + "; while test ! -e " + go +
                         "; do sleep 0.01; done"));
  await_file(root / "begun");
  auto other = function();
  other.version = "v2";
  {
    Caller second;
    call(second, other, runtime_with_step(run_mark() + "true"));
    turn(100ms);
  }
  put("go", "");
  while (!first.outcome) loop.run_once();
  turn(200ms);
  EXPECT_EQ(runs(), "");
  EXPECT_TRUE(build(other, runtime_with_step(run_mark() + "true")).ok());
  EXPECT_EQ(runs(), "r");
}

}  // namespace
}  // namespace trivet::builder
