#include "catalog/runtimes.h"

#include <gtest/gtest.h>

#include "catalog/scratch_test.h"

namespace trivet::catalog {
namespace {

RuntimeSpec read(std::string_view interfaces, std::string_view commands,
                 std::string_view install = "install: none") {
  Scratch scratch;
  auto file = scratch.write("toy/runtime.yaml",
                            "name: toy\ntoolchain: {binary: [toy], version: {args: [], pattern: "
                            "\"(.*)\"}, " +
                                std::string{install} + "}\ninterfaces: " + std::string{interfaces} +
                                "\n" + std::string{commands} + "\n");
  auto spec = read_runtime(file.parent_path());
  EXPECT_TRUE(spec.ok()) << spec.error().message;
  return spec.ok() ? *spec : RuntimeSpec{};
}

TEST(Runtimes, who_runs_a_program_per_call_runs_one_that_stays) {
  RuntimeSpec spec = read("[stdio, ndjson]", "oneshot: {command: [own]}");
  std::vector<std::string> offered{"stdio",    "ndjson", "packet4", "msgpack",
                                   "protobuf", "etf",    "erlport"};
  EXPECT_EQ(spec.interfaces, offered);
  EXPECT_TRUE(spec.keeps_workers());
  EXPECT_FALSE(read("[json]", "pool: {command: [shim]}").offers("packet4"));
}

TEST(Runtimes, each_interface_has_its_command) {
  RuntimeSpec both = read("[json, stdio]", "pool: {command: [shim]}\noneshot: {command: [own]}");
  EXPECT_EQ(both.command_of("json").front(), "shim");
  EXPECT_EQ(both.command_of("stdio").front(), "own");
  EXPECT_EQ(both.command_of("msgpack").front(), "own");
  EXPECT_TRUE(read("[json]", "oneshot: {command: [own]}").command_of("json").empty());
  EXPECT_FALSE(read("[json]", "oneshot: {command: [own]}").keeps_workers());
}

TEST(Runtimes, memory_may_be_told_in_the_command_or_the_environment) {
  EXPECT_FALSE(read("[json]", "pool: {command: [shim]}").needs_memory_at_start());
  EXPECT_TRUE(
      read("[json]", "pool: {command: [shim, \"-m${memory_mib}\"]}").needs_memory_at_start());
  RuntimeSpec spec =
      read("[json]", "pool: {command: [shim]}\nenv: {HEAP: \"${memory_mib}M\", A: b}");
  EXPECT_TRUE(spec.needs_memory_at_start());
  Words words;
  words.memory_mib = "384";
  EXPECT_EQ(expand(spec.env, words),
            (std::map<std::string, std::string>{{"HEAP", "384M"}, {"A", "b"}}));
}

TEST(Runtimes, a_program_whose_variables_matter_at_its_start_is_not_run_warm) {
  RuntimeSpec spec =
      read("[stdio]", "oneshot: {command: [own], warm: true, not_warm_with: [TOY_, LANG]}");
  EXPECT_TRUE(spec.runs_warm({{"LEVEL", "info"}, {"A_TOY_", "1"}}));
  EXPECT_FALSE(spec.runs_warm({{"LEVEL", "info"}, {"TOY_PATH", "lib"}}));
  EXPECT_FALSE(read("[stdio]", "oneshot: {command: [own]}").runs_warm({}));
}

TEST(Runtimes, packages_say_how_a_toolchain_is_installed_unless_the_folder_says_it) {
  EXPECT_EQ(read("[json]", "pool: {command: [shim]}", "packages: [toy, toy-json]").install,
            "apt-get install toy toy-json");
  RuntimeSpec own = read("[json]", "untested: \"nobody has it\"\npool: {command: [shim]}",
                         "packages: [toy], install: \"sh ${runtime}/install.sh\"");
  EXPECT_EQ(own.install, "sh " + own.dir.string() + "/install.sh");
  EXPECT_EQ(own.untested, "nobody has it");
}

TEST(Runtimes, a_step_says_when_it_runs_and_what_it_reads) {
  RuntimeSpec spec = read("[json]", R"(pool: {command: [shim]}
build:
  inputs: ["**"]
  run_in: "${output}/app"
  env: {LIB: "${output}/lib"}
  pass: [TOY_]
  steps:
    - {name: fetch, group: manager, when: [a.lock], unless: [lib], entrypoints: [.x], mentions: {a.lock: needs}, inputs: [a.lock], command: [get, "${cache}"]}
    - {name: compile, command: [make]}
)");
  ASSERT_EQ(spec.build_steps.size(), 2u);
  const BuildStep& step = spec.build_steps[0];
  EXPECT_EQ(step.group, "manager");
  EXPECT_EQ(step.when, std::vector<std::string>{"a.lock"});
  EXPECT_EQ(step.unless, std::vector<std::string>{"lib"});
  EXPECT_EQ(step.entrypoints, std::vector<std::string>{".x"});
  EXPECT_EQ(step.mentions.at("a.lock"), "needs");
  EXPECT_EQ(step.inputs, std::vector<std::string>{"a.lock"});
  EXPECT_TRUE(spec.build_steps[1].when.empty());
  EXPECT_EQ(spec.run_in, "${output}/app");
  EXPECT_EQ(spec.build_env.at("LIB"), "${output}/lib");
  EXPECT_EQ(spec.build_passes, std::vector<std::string>{"TOY_"});
  Words words;
  words.cache = "/packages";
  EXPECT_EQ(expand(step.command, words).back(), "/packages");
}

}  // namespace
}  // namespace trivet::catalog
