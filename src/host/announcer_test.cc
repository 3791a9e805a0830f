#include "host/announcer.h"

#include <gtest/gtest.h>

#include "loop/loop.h"

namespace trivet::host {
namespace {

class AnnouncerTest : public ::testing::Test {
 protected:
  void put(const std::string& name, const std::string& version, sandbox::Policy policy) {
    auto spec = std::make_shared<catalog::FunctionSpec>();
    spec->name = name;
    spec->version = version;
    spec->policy = std::move(policy);
    snapshot.functions[name] = spec;
  }
  // What was said since the last time.
  std::vector<std::string> said() {
    std::vector<std::string> out;
    uint64_t missed = 0;
    for (const auto& line : logs.read({}, next, 1000, missed))
      out.push_back(std::string{name(line.level)} + " " + line.function + ": " + line.message);
    return out;
  }
  using Lines = std::vector<std::string>;

  FakeClock clock;
  loop::Loop loop{clock};
  telemetry::LogStore logs{loop};
  Announcer announcer{logs, clock};
  catalog::Snapshot snapshot;
  uint64_t next = 0;
};

TEST_F(AnnouncerTest, each_weakened_version_is_told_once) {
  put("plain", "1", {});
  sandbox::Policy open;
  open.net = {{"a.b", 1}};
  open.binds = {{"/data", true}};
  put("open", "1", open);
  announcer.weakened(snapshot);
  EXPECT_EQ(said(), (Lines{"warn open: its manifest weakens the sandbox: net a.b:1, write /data"}));
  announcer.weakened(snapshot);
  EXPECT_EQ(said(), Lines{});
  open.limits.memory_bytes = 0;
  put("open", "2", open);
  announcer.weakened(snapshot);
  EXPECT_EQ(said(), (Lines{"warn open: its manifest weakens the sandbox: net a.b:1, write /data, "
                           "memory none"}));
}

TEST_F(AnnouncerTest, what_the_operator_allows_is_told_once_for_all) {
  put("f", "1", {.level = sandbox::Level::kTrusted, .limits = {}, .binds = {}, .net = {}});
  announcer.weakened(snapshot);
  EXPECT_EQ(said(), Lines{});
  announcer.operators_level(sandbox::Level::kStrict);
  announcer.operators_level(sandbox::Level::kSandbox);
  EXPECT_EQ(said(), Lines{});
  announcer.operators_level(sandbox::Level::kProcess);
  EXPECT_EQ(said(), (Lines{"warn : functions that name no sandbox level run at level process: "
                           "--sandbox, TRIVET_SANDBOX or a settings file says so"}));
}

TEST_F(AnnouncerTest, a_level_that_the_manifest_asks_for_is_told) {
  auto spec = std::make_shared<catalog::FunctionSpec>();
  spec->name = "f";
  spec->policy.level = sandbox::Level::kProcess;
  spec->level_given = true;
  snapshot.functions["f"] = spec;
  announcer.weakened(snapshot);
  EXPECT_EQ(said(), (Lines{"warn f: its manifest weakens the sandbox: level process"}));
}

TEST_F(AnnouncerTest, limits_that_cannot_be_enforced_are_told_once) {
  using sandbox::Layer, sandbox::Level;
  std::vector<Layer> limits{{"memory-limit", Level::kProcess, false, false, "no groups", "do it"},
                            {"cpu-limit", Level::kProcess, false, false, "no groups", "do it"}};
  announcer.machine(limits);
  announcer.machine(limits);
  EXPECT_EQ(said(), (Lines{"warn : memory-limit cannot be enforced on this machine: no groups; "
                           "functions run without the usual limit, and those whose manifest "
                           "names one do not start; do it"}));
  EXPECT_EQ(announcer.warnings().size(), 1u);
}

TEST_F(AnnouncerTest, a_machine_that_has_all_is_not_worth_a_line) {
  announcer.machine({{"memory-limit", sandbox::Level::kProcess, true, false, "", ""}});
  EXPECT_EQ(said(), Lines{});
  EXPECT_TRUE(announcer.warnings().empty());
}

}  // namespace
}  // namespace trivet::host
