#include "builder/builder.h"

#include "builder/builder_fixture_test.h"

namespace trivet::builder {
namespace {

TEST_F(BuilderTest, source_that_runs_as_it_is_needs_no_build_and_no_cache) {
  auto spec = function();
  EXPECT_TRUE(Builder::is_trivial(spec, plain_runtime()));
  auto artifact = build(spec, plain_runtime());
  ASSERT_TRUE(artifact.ok());
  EXPECT_EQ(artifact->entrypoint, "main.x");
  EXPECT_TRUE(artifact->output.empty());
  EXPECT_FALSE(fs::exists(root / "cache"));
}

TEST_F(BuilderTest, a_step_or_a_command_is_a_build) {
  EXPECT_FALSE(Builder::is_trivial(function(), runtime_with_step("true")));
  EXPECT_FALSE(Builder::is_trivial(function_built_by("true"), plain_runtime()));
}

TEST_F(BuilderTest, steps_make_an_artifact_from_the_source_folder) {
  auto runtime = runtime_with_step("cat main.x >${output}/made; pwd >${output}/where");
  runtime.build_steps.push_back(step("link", "cat ${output}/made >${output}/app"));
  auto artifact = build(function(), runtime);
  ASSERT_TRUE(artifact.ok()) << artifact.error().text();
  EXPECT_EQ(read(artifact->output / "app"), "main");
  EXPECT_EQ(read(artifact->output / "where"), (root / "f").string() + "\n");
  EXPECT_EQ(artifact->entrypoint, "main.x");
  EXPECT_EQ(artifacts(), 2u) << "one of each step";
}

TEST_F(BuilderTest, the_same_content_is_built_once) {
  auto runtime = runtime_with_step(run_mark() + "touch ${output}/app");
  auto first = build(function(), runtime);
  auto second = build(function(), runtime);
  fresh_builder();
  auto third = build(function(), runtime);
  ASSERT_TRUE(first.ok() && second.ok() && third.ok());
  EXPECT_EQ(runs(), "r");
  EXPECT_EQ(first->output, second->output);
  EXPECT_EQ(first->output, third->output);
}

TEST_F(BuilderTest, whatever_goes_in_makes_another_artifact) {
  auto script = run_mark() + "cat main.x >${output}/app # ${handler}";
  auto first = build(function(), runtime_with_step(script));
  put("f/main.x", "changed");
  auto second = build(function(), runtime_with_step(script));
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(read(first->output / "app"), "main");
  EXPECT_EQ(read(second->output / "app"), "changed");

  auto handler = function();
  handler.handler = "other";
  EXPECT_TRUE(build(handler, runtime_with_step(script)).ok());
  auto newer = runtime_with_step(script);
  newer.version = "1.1";
  EXPECT_TRUE(build(function(), newer).ok());
  put("runtime/shim.x", "shim");
  EXPECT_TRUE(build(function(), runtime_with_step(script)).ok());
  EXPECT_EQ(runs(), "rrrrr");
  EXPECT_EQ(artifacts(), 5u);
}

TEST_F(BuilderTest, files_that_are_no_input_do_not_build_again) {
  auto runtime = runtime_with_step(run_mark() + "true");
  runtime.build_inputs = {"**/*.x"};
  EXPECT_TRUE(build(function(), runtime).ok());
  put("f/README", "read me");
  EXPECT_TRUE(build(function(), runtime).ok());
  EXPECT_EQ(runs(), "r");
}

TEST_F(BuilderTest, a_lone_file_is_built_without_its_neighbours) {
  auto spec = function();
  spec.lone = true;
  spec.manifest = spec.dir / "main.x";
  auto runtime = runtime_with_step(run_mark() + "test ${lone} = yes");
  EXPECT_TRUE(build(spec, runtime).ok());
  put("f/neighbour.x", "x");
  EXPECT_TRUE(build(spec, runtime).ok());
  EXPECT_EQ(runs(), "r");
  put("f/main.x", "changed");
  EXPECT_TRUE(build(spec, runtime).ok());
  EXPECT_EQ(runs(), "rr");
}

TEST_F(BuilderTest, a_lone_file_of_a_module_is_built_with_its_neighbours) {
  auto spec = function();
  spec.lone = true;
  spec.manifest = spec.dir / "main.x";
  auto runtime = runtime_with_step(run_mark() + "true");
  runtime.build_inputs = {"*.x", "module.txt"};
  put("f/module.txt", "this folder is a module");
  EXPECT_TRUE(build(spec, runtime).ok());
  put("f/neighbour.x", "x");
  EXPECT_TRUE(build(spec, runtime).ok());
  EXPECT_EQ(runs(), "rr");
}

TEST_F(BuilderTest, a_step_that_fails_says_which_and_how_and_leaves_nothing_behind) {
  auto runtime = runtime_with_step("touch ${output}/half; echo to stdout; echo oh no >&2; exit 3");
  runtime.build_steps.push_back(step("never", run_mark()));
  auto artifact = build(function(), runtime);
  ASSERT_FALSE(artifact.ok());
  const Error& error = artifact.error();
  EXPECT_EQ(error.code, ErrorCode::kBuildFailed);
  EXPECT_NE(error.message.find("\"compile\" of f ended with exit code 3"), std::string::npos)
      << error.message;
  EXPECT_EQ(detail(error, "step"), "compile");
  EXPECT_EQ(detail(error, "exit_code"), "3");
  EXPECT_EQ(detail(error, "output"), "to stdout\noh no\n");
  EXPECT_EQ(artifacts(), 0u);
  EXPECT_EQ(runs(), "");
}

TEST_F(BuilderTest, a_build_that_failed_is_tried_again) {
  auto runtime = runtime_with_step(run_mark() + "test -e " + (root / "ready").string());
  EXPECT_FALSE(build(function(), runtime).ok());
  put("ready", "");
  EXPECT_TRUE(build(function(), runtime).ok());
  EXPECT_EQ(runs(), "rr");
}

TEST_F(BuilderTest, what_an_interrupted_build_left_does_not_get_into_the_artifact) {
  auto marker = (root / "begun").string();
  auto runtime =
      runtime_with_step("touch ${output}/$$ " + marker + "; while test ! -e " +
                        (root / "go").string() + "; do sleep 0.01; done; touch ${output}/app");
  Caller caller;
  call(caller, function(), runtime);
  await_file(marker);
  ASSERT_EQ(artifacts(), 1u) << "what is being made";
  builder.reset();  // as when the host ends
  caller.scope.reset();
  EXPECT_EQ(artifacts(), 0u);
  fresh_builder();
  put("go", "");
  auto artifact = build(function(), runtime);
  ASSERT_TRUE(artifact.ok()) << artifact.error().text();
  auto entries = fs::directory_iterator(artifact->output);
  EXPECT_EQ(std::distance(begin(entries), end(entries)), 2) << "the shell's own file and app";
}

TEST_F(BuilderTest, a_program_of_a_step_that_does_not_exist_is_named_and_leaves_nothing_behind) {
  auto runtime = plain_runtime();
  runtime.build_steps.push_back(step("compile", ""));
  runtime.build_steps.back().command = {"/nowhere/compiler"};
  auto artifact = build(function(), runtime);
  ASSERT_FALSE(artifact.ok());
  EXPECT_NE(artifact.error().message.find("/nowhere/compiler"), std::string::npos);
  EXPECT_EQ(artifacts(), 0u);
}

TEST_F(BuilderTest, callers_of_the_same_version_share_one_build) {
  auto runtime = runtime_with_step(run_mark() + "touch ${output}/app");
  std::vector<Caller> callers(3);
  for (auto& caller : callers) call(caller, function(), runtime);
  for (auto& caller : callers) {
    while (!caller.outcome) loop.run_once();
    ASSERT_TRUE(caller.outcome->ok());
    EXPECT_EQ((*caller.outcome)->output, (*callers[0].outcome)->output);
  }
  EXPECT_EQ(runs(), "r");
}

TEST_F(BuilderTest, callers_of_a_build_that_fails_are_all_told) {
  std::vector<Caller> callers(3);
  for (auto& caller : callers)
    call(caller, function(), runtime_with_step(run_mark() + "echo no; false"));
  for (auto& caller : callers) {
    while (!caller.outcome) loop.run_once();
    ASSERT_FALSE(caller.outcome->ok());
    EXPECT_EQ(detail(caller.outcome->error(), "output"), "no\n");
  }
  EXPECT_EQ(runs(), "r");
}

TEST_F(BuilderTest, a_caller_that_goes_away_does_not_take_the_build_from_the_others) {
  auto runtime = runtime_with_step(run_mark() + "touch ${output}/app");
  std::vector<Caller> callers(2);
  for (auto& caller : callers) call(caller, function(), runtime);
  callers[0].scope.reset();
  while (!callers[1].outcome) loop.run_once();
  EXPECT_TRUE(callers[1].outcome->ok());
  EXPECT_FALSE(callers[0].outcome.has_value());
  EXPECT_EQ(runs(), "r");
}

TEST_F(BuilderTest, functions_of_the_same_content_end_with_one_artifact) {
  put("g/main.x", "main");
  put("g/trivet.yaml", "name: f");
  auto runtime = runtime_with_step("touch ${output}/app");
  Caller f, g;
  call(f, function("f"), runtime);
  call(g, function("g"), runtime);
  while (!f.outcome || !g.outcome) loop.run_once();
  ASSERT_TRUE(f.outcome->ok());
  ASSERT_TRUE(g.outcome->ok());
  EXPECT_EQ((*f.outcome)->output, (*g.outcome)->output);
  EXPECT_EQ(artifacts(), 1u);
}

TEST_F(BuilderTest, what_is_just_being_made_is_waited_for) {
  auto runtime = runtime_with_step(run_mark() + "while test ! -e " + (root / "go").string() +
                                   "; do sleep 0.01; done; touch ${output}/app");
  auto newer = function();
  newer.version = "v2";  // its time limit was changed: nothing that goes into the build
  Caller first, second;
  call(first, function(), runtime);
  await_file(root / "runs");
  call(second, newer, runtime);
  put("go", "");
  while (!first.outcome || !second.outcome) loop.run_once();
  ASSERT_TRUE(first.outcome->ok()) << first.outcome->error().text();
  ASSERT_TRUE(second.outcome->ok()) << second.outcome->error().text();
  EXPECT_EQ((*first.outcome)->output, (*second.outcome)->output);
  EXPECT_EQ(runs(), "r");
  EXPECT_EQ(artifacts(), 1u);
}

TEST_F(BuilderTest, a_cache_that_cannot_be_written_is_said) {
  put("cache", "a file where the folder should be");
  auto artifact = build(function(), runtime_with_step(run_mark()));
  ASSERT_FALSE(artifact.ok());
  EXPECT_EQ(artifact.error().code, ErrorCode::kIo);
  EXPECT_NE(artifact.error().message.find((root / "cache").string()), std::string::npos);
  EXPECT_FALSE(artifact.error().hint.empty());
  EXPECT_EQ(runs(), "");
}

TEST_F(BuilderTest, a_source_folder_that_is_gone_is_said) {
  auto spec = function();
  fs::remove_all(spec.dir);
  auto artifact = build(spec, runtime_with_step("true"));
  ASSERT_FALSE(artifact.ok());
  EXPECT_EQ(artifact.error().code, ErrorCode::kIo);
  EXPECT_NE(artifact.error().message.find(spec.dir.string()), std::string::npos);
}

TEST_F(BuilderTest, what_a_build_prints_is_logged_under_its_function) {
  ASSERT_TRUE(build(function(), runtime_with_step("echo one; echo two >&2")).ok());
  ASSERT_EQ(logs.all.size(), 4u);
  EXPECT_EQ(logs.all[0].message, "build: compile");
  EXPECT_EQ(logs.all[1].message, "one");
  EXPECT_EQ(logs.all[2].message, "two");
  EXPECT_EQ(logs.all[3].message.find("build: compile: took "), 0u) << logs.all[3].message;
  for (const auto& line : logs.all) {
    EXPECT_EQ(line.function, "f");
    EXPECT_TRUE(line.call_id.empty());
  }
}

TEST_F(BuilderTest, the_manifests_command_runs_in_the_source_folder_and_its_output_is_what_runs) {
  auto artifact = build(function_built_by("cat main.x >out.bin"), plain_runtime());
  ASSERT_TRUE(artifact.ok()) << artifact.error().text();
  EXPECT_EQ(artifact->entrypoint, "out.bin");
  EXPECT_TRUE(artifact->output.empty());
  EXPECT_EQ(read(root / "f/out.bin"), "main");
}

TEST_F(BuilderTest, the_manifests_command_comes_before_the_steps) {
  auto runtime = runtime_with_step("cp ${entrypoint} ${output}/app");
  auto artifact = build(function_built_by("cat main.x >out.bin"), runtime);
  ASSERT_TRUE(artifact.ok()) << artifact.error().text();
  EXPECT_EQ(read(artifact->output / "app"), "main");
}

TEST_F(BuilderTest, the_manifests_command_runs_again_only_when_what_it_watches_changed) {
  auto spec = function_built_by(run_mark() + "cat main.x >out.bin");
  ASSERT_TRUE(build(spec, plain_runtime()).ok());
  fresh_builder();
  ASSERT_TRUE(build(spec, plain_runtime()).ok());
  put("f/README", "read me");
  ASSERT_TRUE(build(spec, plain_runtime()).ok());
  EXPECT_EQ(runs(), "r");
  put("f/main.x", "changed");
  ASSERT_TRUE(build(spec, plain_runtime()).ok());
  EXPECT_EQ(runs(), "rr");
  EXPECT_EQ(read(root / "f/out.bin"), "changed");
}

TEST_F(BuilderTest, without_anything_to_watch_the_whole_folder_counts_and_the_output_too) {
  auto spec = function_built_by(run_mark() + "cat main.x >out.bin", {});
  ASSERT_TRUE(build(spec, plain_runtime()).ok());
  ASSERT_TRUE(build(spec, plain_runtime()).ok());
  EXPECT_EQ(runs(), "r");
  put("f/out.bin", "spoilt");
  ASSERT_TRUE(build(spec, plain_runtime()).ok());
  EXPECT_EQ(runs(), "rr");
  EXPECT_EQ(read(root / "f/out.bin"), "main");
}

TEST_F(BuilderTest, output_that_was_removed_is_made_again) {
  auto spec = function_built_by(run_mark() + "cat main.x >out.bin");
  ASSERT_TRUE(build(spec, plain_runtime()).ok());
  fs::remove(root / "f/out.bin");
  ASSERT_TRUE(build(spec, plain_runtime()).ok());
  EXPECT_EQ(runs(), "rr");
}

TEST_F(BuilderTest, a_command_that_failed_half_way_is_not_taken_for_the_build_before_it) {
  auto spec = function_built_by(run_mark() + "cat main.x >out.bin; grep -q good main.x");
  put("f/main.x", "good");
  ASSERT_TRUE(build(spec, plain_runtime()).ok());
  put("f/main.x", "bad");
  ASSERT_FALSE(build(spec, plain_runtime()).ok());
  put("f/main.x", "good");  // as it was, but the output is of the build that failed
  ASSERT_TRUE(build(spec, plain_runtime()).ok());
  EXPECT_EQ(read(root / "f/out.bin"), "good");
  EXPECT_EQ(runs(), "rrr");
}

TEST_F(BuilderTest, a_command_that_is_missing_is_said_by_name) {
  auto spec = function_built_by("");
  spec.build->command = "no-such-compiler";
  auto artifact = build(spec, plain_runtime());
  ASSERT_FALSE(artifact.ok());
  EXPECT_EQ(artifact.error().code, ErrorCode::kBuildFailed);
  EXPECT_NE(artifact.error().message.find("\"no-such-compiler\" of f is not on PATH"),
            std::string::npos)
      << artifact.error().message;
}

TEST_F(BuilderTest, a_command_with_a_folder_is_found_from_the_source_folder) {
  put("f/tools/make.sh", "#!/bin/sh\ncat main.x >out.bin\n");
  fs::permissions(root / "f/tools/make.sh", fs::perms::owner_all);
  auto spec = function();
  spec.build = catalog::Build{"./tools/make.sh", {}, "out.bin", {"*.x"}};
  auto artifact = build(spec, plain_runtime());
  ASSERT_TRUE(artifact.ok()) << artifact.error().text();
  EXPECT_EQ(read(root / "f/out.bin"), "main");
}

TEST_F(BuilderTest, a_command_that_makes_no_output_has_failed) {
  auto artifact = build(function_built_by("true"), plain_runtime());
  ASSERT_FALSE(artifact.ok());
  EXPECT_EQ(artifact.error().code, ErrorCode::kBuildFailed);
  EXPECT_NE(artifact.error().message.find("made no out.bin"), std::string::npos);
}

TEST_F(BuilderTest, a_command_whose_stamp_cannot_be_kept_is_said) {
  put("cache", "a file where the folder should be");
  auto spec = function_built_by("cat main.x >out.bin");
  auto artifact = build(spec, plain_runtime());
  ASSERT_FALSE(artifact.ok());
  EXPECT_EQ(artifact.error().code, ErrorCode::kIo);
  EXPECT_NE(artifact.error().message.find((root / "cache").string()), std::string::npos);

  fs::remove(root / "cache");
  put("cache/stamps/f.stamp/in-the-way", "a folder where the file should be");
  artifact = build(spec, plain_runtime());
  ASSERT_FALSE(artifact.ok());
  EXPECT_EQ(artifact.error().code, ErrorCode::kIo);
  EXPECT_NE(artifact.error().message.find("f.stamp: Is a directory"), std::string::npos)
      << artifact.error().message;
}

TEST_F(BuilderTest, a_step_that_a_signal_ended_names_the_signal) {
  auto artifact = build(function(), runtime_with_step("kill -KILL $$"));
  ASSERT_FALSE(artifact.ok());
  EXPECT_NE(artifact.error().message.find("signal SIGKILL"), std::string::npos);
  EXPECT_EQ(detail(artifact.error(), "signal"), "SIGKILL");
  EXPECT_EQ(detail(artifact.error(), "exit_code"), "(none)");
  EXPECT_EQ(artifacts(), 0u);
}

}  // namespace
}  // namespace trivet::builder
