// Which steps apply, what their keys depend on, and that what did not change is not made again.
#include "builder/steps.h"

#include "builder/builder_fixture_test.h"

namespace trivet::builder {
namespace {

class StepsTest : public BuilderTest {
 protected:
  static catalog::BuildStep step_when(const std::string& name, std::vector<std::string> when,
                                      const std::string& group = "") {
    auto out = step(name, "true");
    out.when = std::move(when);
    out.group = group;
    return out;
  }
  std::string chosen(const catalog::RuntimeSpec& runtime) {
    std::string names;
    for (const auto* step : steps_for(function(), runtime)) names += step->name + " ";
    return names;
  }
  // "dependencies" of packages.txt, then "compile" of everything; each leaves its letter in `runs`.
  catalog::RuntimeSpec runtime_with_dependencies() {
    auto runtime = plain_runtime();
    auto fetch = step("dependencies", run_mark("d") +
                                          "mkdir ${output}/packages; "
                                          "cat packages.txt >${output}/packages/all");
    fetch.when = fetch.inputs = {"packages.txt"};
    runtime.build_steps.push_back(fetch);
    runtime.build_steps.push_back(
        step("compile", run_mark("c") + "cat ${output}/packages/all main.x >${output}/app"));
    return runtime;
  }
  std::string built(const catalog::FunctionSpec& spec, const catalog::RuntimeSpec& runtime) {
    auto artifact = build(spec, runtime);
    return artifact ? read(artifact->output / "app") : artifact.error().text();
  }
};

TEST_F(StepsTest, a_step_runs_when_its_files_are_there) {
  auto runtime = plain_runtime();
  runtime.build_steps = {step_when("one", {"a.lock"}), step_when("two", {"a.lock", "b.lock"}),
                         step_when("always", {})};
  EXPECT_EQ(chosen(runtime), "always ");
  put("f/a.lock", "");
  EXPECT_EQ(chosen(runtime), "one always ");
  put("f/b.lock", "");
  EXPECT_EQ(chosen(runtime), "one two always ");
}

TEST_F(StepsTest, a_file_that_a_step_wants_may_have_any_name) {
  auto runtime = plain_runtime();
  runtime.build_steps = {step_when("fetch", {"*.lock"})};
  put("f/below/a.lock", "");
  EXPECT_EQ(chosen(runtime), "");
  put("f/a.lock", "");
  EXPECT_EQ(chosen(runtime), "fetch ");
}

TEST_F(StepsTest, of_a_group_the_first_that_applies_runs) {
  auto runtime = plain_runtime();
  runtime.build_steps = {step_when("a", {"a.lock"}, "manager"),
                         step_when("b", {"b.lock"}, "manager"), step_when("c", {}, "manager"),
                         step_when("other", {}, "other")};
  EXPECT_EQ(chosen(runtime), "c other ");
  put("f/b.lock", "");
  EXPECT_EQ(chosen(runtime), "b other ");
  put("f/a.lock", "");
  EXPECT_EQ(chosen(runtime), "a other ");
}

TEST_F(StepsTest, a_step_does_not_run_beside_what_it_would_make) {
  auto runtime = plain_runtime();
  runtime.build_steps = {step_when("fetch", {})};
  runtime.build_steps[0].unless = {"packages"};
  EXPECT_EQ(chosen(runtime), "fetch ");
  put("f/packages/one", "");
  EXPECT_EQ(chosen(runtime), "");
  EXPECT_TRUE(Builder::is_trivial(function(), runtime));
}

TEST_F(StepsTest, a_step_runs_when_a_file_mentions_a_text) {
  auto runtime = plain_runtime();
  runtime.build_steps = {step_when("fetch", {})};
  runtime.build_steps[0].mentions = {{"about.txt", "\"needs\""}};
  EXPECT_EQ(chosen(runtime), "") << "there is no such file";
  put("f/about.txt", "{\"name\": 1}");
  EXPECT_EQ(chosen(runtime), "");
  put("f/about.txt", "{\"name\": 1, \"needs\": []}");
  EXPECT_EQ(chosen(runtime), "fetch ");
}

// As a package manager's script would: it needs the packages, and writes beside the source.
TEST_F(StepsTest, the_manifests_command_runs_in_a_step_that_says_so) {
  auto runtime = runtime_with_dependencies();
  put("f/packages.txt", "packages\n");
  auto& last = runtime.build_steps[1];
  last = step("source", "true");
  last.command = {
      "/bin/sh", "-c",        "cp main.x $1 && cd $1 && echo $2 >told && shift 2 && exec \"$@\"",
      "sh",      "${output}", "${has_command}"};
  last.runs_command = true;
  auto spec = function();
  EXPECT_FALSE(runs_in_step(spec, runtime));
  spec.build = catalog::Build{};
  spec.build->command = "sh";
  spec.build->args = {"-c", "cat packages/all main.x >made"};
  spec.build->output = "made";
  EXPECT_TRUE(runs_in_step(spec, runtime));
  auto artifact = build(spec, runtime);
  ASSERT_TRUE(artifact.ok()) << artifact.error().text();
  EXPECT_EQ(artifact->entrypoint, "made");
  EXPECT_EQ(read(artifact->output / "made"), "packages\n" + read(spec.dir / "main.x"));
  EXPECT_EQ(read(artifact->output / "told"), "yes\n");
  EXPECT_FALSE(std::filesystem::exists(spec.dir / "made"));
  spec.build->output = "not/made";
  auto failed = build(spec, runtime);
  ASSERT_FALSE(failed.ok());
  EXPECT_NE(failed.error().message.find("made no not/made"), std::string::npos);
}

TEST_F(StepsTest, a_step_may_be_for_entrypoints_of_one_kind) {
  auto runtime = plain_runtime();
  runtime.build_steps = {step_when("translate", {})};
  runtime.build_steps[0].entrypoints = {".y", ".z"};
  EXPECT_EQ(chosen(runtime), "") << "it is main.x";
  runtime.build_steps[0].entrypoints = {".y", ".x"};
  EXPECT_EQ(chosen(runtime), "translate ");
  auto spec = function();
  spec.build = catalog::Build{};
  spec.build->output = "dist/main.y";
  runtime.build_steps[0].entrypoints = {".x"};
  EXPECT_TRUE(steps_for(spec, runtime).empty()) << "what the manifest's command makes counts";
}

TEST_F(StepsTest, without_a_step_that_applies_the_source_runs_as_it_is) {
  auto runtime = plain_runtime();
  runtime.build_steps = {step_when("fetch", {"packages.txt"})};
  auto artifact = build(function(), runtime);
  ASSERT_TRUE(artifact.ok());
  EXPECT_TRUE(artifact->output.empty());
  EXPECT_FALSE(fs::exists(root / "cache"));
}

TEST_F(StepsTest, a_step_whose_inputs_did_not_change_is_not_run_again) {
  put("f/packages.txt", "p1 ");
  EXPECT_EQ(built(function(), runtime_with_dependencies()), "p1 main");
  put("f/main.x", "changed");
  EXPECT_EQ(built(function(), runtime_with_dependencies()), "p1 changed");
  EXPECT_EQ(runs(), "dcc");
  put("f/packages.txt", "p2 ");
  EXPECT_EQ(built(function(), runtime_with_dependencies()), "p2 changed");
  EXPECT_EQ(runs(), "dccdc") << "what comes after it is made again";
  put("f/packages.txt", "p1 ");
  EXPECT_EQ(built(function(), runtime_with_dependencies()), "p1 changed");
  EXPECT_EQ(runs(), "dccdc");
}

TEST_F(StepsTest, functions_share_the_steps_that_they_have_in_common) {
  put("f/packages.txt", "p ");
  put("g/packages.txt", "p ");
  put("g/main.x", "g");
  EXPECT_EQ(built(function("f"), runtime_with_dependencies()), "p main");
  EXPECT_EQ(built(function("g"), runtime_with_dependencies()), "p g");
  EXPECT_EQ(runs(), "dcc");
}

TEST_F(StepsTest, functions_that_are_built_at_once_share_them_too) {
  put("f/packages.txt", "p ");
  put("g/packages.txt", "p ");
  put("g/main.x", "g");
  Caller f, g;
  call(f, function("f"), runtime_with_dependencies());
  call(g, function("g"), runtime_with_dependencies());
  while (!f.outcome || !g.outcome) loop.run_once();
  ASSERT_TRUE(f.outcome->ok());
  ASSERT_TRUE(g.outcome->ok());
  EXPECT_EQ(runs(), "dcc");
}

TEST_F(StepsTest, an_input_that_a_glob_names_counts_though_it_is_hidden) {
  auto runtime = runtime_with_step(run_mark() + "true");
  runtime.build_steps[0].inputs = {"packages.txt", ".registry"};
  ASSERT_TRUE(build(function(), runtime).ok());
  put("f/.registry", "elsewhere");
  ASSERT_TRUE(build(function(), runtime).ok());
  put("f/.other", "nothing of interest");
  ASSERT_TRUE(build(function(), runtime).ok());
  EXPECT_EQ(runs(), "rr");
}

TEST_F(StepsTest, a_lone_file_beside_what_a_step_asks_for_is_built_with_its_neighbours) {
  auto spec = function();
  spec.lone = true;
  spec.manifest = spec.dir / "main.x";
  put("f/packages.txt", "p");
  auto runtime = runtime_with_step(run_mark() + "true");
  runtime.build_steps[0].when = {"packages.txt"};
  ASSERT_TRUE(build(spec, runtime).ok());
  put("f/neighbour.x", "x");
  ASSERT_TRUE(build(spec, runtime).ok());
  EXPECT_EQ(runs(), "rr");
}

TEST_F(StepsTest, the_source_folder_is_not_written_to) {
  put("f/packages.txt", "p ");
  ASSERT_TRUE(build(function(), runtime_with_dependencies()).ok());
  auto entries = fs::directory_iterator(root / "f");
  EXPECT_EQ(std::distance(begin(entries), end(entries)), 3);
}

TEST_F(StepsTest, package_managers_have_one_folder_for_all_functions) {
  put("g/main.x", "g");
  auto runtime = runtime_with_step("cat ${cache}/one >${output}/app; echo seen >${cache}/one");
  ASSERT_FALSE(build(function("f"), runtime_with_step("cat ${cache}/one")).ok());
  put("cache/packages/one", "put");
  EXPECT_EQ(built(function("f"), runtime), "put");
  EXPECT_EQ(built(function("g"), runtime), "seen\n");
}

TEST_F(StepsTest, an_artifact_does_not_depend_on_where_it_is_made) {
  put("f/packages.txt", "p ");
  auto first = build(function(), runtime_with_dependencies());
  auto key = first->output.parent_path().filename();
  auto contents = store::look_at(first->output);
  fs::remove_all(root / "cache");
  fresh_builder();
  fs::rename(root / "f", root / "elsewhere");
  auto moved = function("elsewhere");
  moved.manifest = moved.dir / "trivet.yaml";
  auto second = build(moved, runtime_with_dependencies());
  ASSERT_TRUE(second.ok()) << second.error().text();
  EXPECT_EQ(second->output.parent_path().filename(), key);
  EXPECT_EQ(store::look_at(second->output)->hash(), contents->hash());
  EXPECT_EQ(runs(), "dcdc");
}

}  // namespace
}  // namespace trivet::builder
