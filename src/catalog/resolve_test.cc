#include "catalog/resolve.h"

#include <gtest/gtest.h>

#include <set>

#include "catalog/toys_test.h"

namespace trivet::catalog {
namespace {

class ResolveTest : public ::testing::Test {
 protected:
  // A function in the folder f, with that manifest read by discovery's rules.
  std::string resolve(std::string_view manifest = "") {
    spec = {};
    spec.name = "f";
    spec.dir = toys.functions() / "f";
    spec.manifest = toys.functions() / "f/trivet.yaml";
    spec.manifest_line = 1;
    auto tree = parse_yaml(manifest, spec.manifest);
    Unresolved open;
    error = read_function(*tree, tree->root, {spec.dir, environment}, spec, open);
    if (!error) error = resolve_function(spec, open, toys.input());
    return error ? error->message : "";
  }
  std::string version_now(std::string_view manifest = "") {
    EXPECT_EQ(resolve(manifest), "");
    return spec.version;
  }
  // Of the only function that discovery finds.
  std::string version_found() {
    Discovered found = discover(toys.input());
    EXPECT_EQ(found.functions.size(), 1u);
    return found.functions.size() == 1 ? found.functions[0].version : "none";
  }

  Toys toys;
  std::map<std::string, std::string> environment;
  FunctionSpec spec;
  std::optional<Error> error;
};

TEST_F(ResolveTest, everything_left_open_is_filled_in) {
  toys.write("f/index.toy");
  ASSERT_EQ(resolve(), "");
  EXPECT_EQ(spec.runtime, "toy");
  EXPECT_EQ(spec.entrypoint, "index.toy");
  EXPECT_EQ(spec.interface, "json");
  EXPECT_EQ(spec.mode, Mode::kPool);
}

TEST_F(ResolveTest, stdio_is_oneshot) {
  toys.write("f/main.toy");
  ASSERT_EQ(resolve("interface: stdio"), "");
  EXPECT_EQ(spec.mode, Mode::kOneshot);
}

TEST_F(ResolveTest, a_program_that_stays_needs_the_oneshot_command) {
  toys.write("f/main.toy");
  RuntimeSpec runtime = *toys.runtimes["toy"];
  runtime.interfaces.emplace_back("packet4");
  toys.runtimes["toy"] = std::make_shared<RuntimeSpec>(runtime);
  ASSERT_EQ(resolve("interface: packet4"), "");
  EXPECT_EQ(spec.mode, Mode::kPool);
  runtime.oneshot_command.clear();
  toys.runtimes["toy"] = std::make_shared<RuntimeSpec>(runtime);
  EXPECT_EQ(resolve("interface: packet4"), "runtime toy has no command for interface packet4");
}

TEST_F(ResolveTest, an_entrypoint_that_is_the_command_must_be_executable) {
  auto file = toys.write("f/main.toy");
  RuntimeSpec runtime = *toys.runtimes["toy"];
  runtime.oneshot_command = {"${source}/${entrypoint}"};
  toys.runtimes["toy"] = std::make_shared<RuntimeSpec>(runtime);
  EXPECT_EQ(resolve(), "");  // json: the pool's command runs something else
  EXPECT_NE(resolve("interface: stdio").find("main.toy is not executable"), std::string::npos);
  EXPECT_EQ(resolve("interface: stdio\nbuild: {command: make, output: main.toy}"), "");
  std::filesystem::permissions(file, std::filesystem::perms::owner_all);
  EXPECT_EQ(resolve("interface: stdio"), "");
}

TEST_F(ResolveTest, a_runtime_that_looks_for_nothing_says_that_it_must_be_told) {
  toys.write("f/x");
  RuntimeSpec runtime = *toys.runtimes["toy"];
  runtime.entrypoints.clear();
  toys.runtimes["toy"] = std::make_shared<RuntimeSpec>(runtime);
  EXPECT_EQ(resolve("runtime: toy"), "runtime toy needs to be told the entrypoint");
}

TEST_F(ResolveTest, claimed_by_two_goes_to_the_one_whose_toolchain_is_there) {
  toys.write("f/a.both");
  ASSERT_EQ(resolve("entrypoint: a.both"), "");
  EXPECT_EQ(spec.runtime, "toy");  // tin has the higher priority
  toys.missing = "";
  ASSERT_EQ(resolve("entrypoint: a.both"), "");
  EXPECT_EQ(spec.runtime, "tin");
}

TEST_F(ResolveTest, runtime_that_is_not_installed_is_no_problem_yet) {
  toys.write("f/main.tin");
  ASSERT_EQ(resolve("runtime: tin@99"), "");
  EXPECT_EQ(spec.runtime, "tin");
}

TEST_F(ResolveTest, version_that_is_not_there_is_refused) {
  toys.write("f/main.toy");
  EXPECT_EQ(resolve("runtime: toy@3.11"), "");
  EXPECT_EQ(resolve("runtime: {engine: toy, version: \">=3.11 <4\"}"), "");
  EXPECT_EQ(resolve("runtime: toy@3.12"), "no toy here is 3.12; there is 3.11.2 (/bin/toy)");
  EXPECT_EQ(error->code, ErrorCode::kRuntimeNotAvailable);
  toys.others = {"4.0.1"};
  EXPECT_EQ(resolve("runtime: toy@3.12"),
            "no toy here is 3.12; there is 3.11.2 (/bin/toy), 4.0.1 (/bin/toy-4.0.1)");
}

TEST_F(ResolveTest, a_version_that_is_missing_says_where_it_would_be_found) {
  toys.write("f/main.toy");
  RuntimeSpec runtime = *toys.runtimes["toy"];
  runtime.binary_candidates = {"toy"};
  runtime.binary_versions = {"toy-*", "${runtimes}/../toys/*/toy"};
  runtime.install = "apt-get install toy";
  toys.runtimes["toy"] = std::make_shared<RuntimeSpec>(runtime);
  ASSERT_NE(resolve("runtime: toy@9"), "");
  std::string beside = runtime.dir.parent_path().string() + "/../toys/*/toy";
  EXPECT_NE(error->hint.find("toy, toy-*, " + beside), std::string::npos) << error->hint;
  EXPECT_NE(error->hint.find("apt-get install toy"), std::string::npos) << error->hint;
}

TEST_F(ResolveTest, the_newest_that_fits_is_taken_and_without_a_range_the_default) {
  toys.write("f/main.toy");
  toys.others = {"3.9.18", "3.10.1", "4.1.0", "4.0.7"};
  for (const auto& [asked, key] :
       std::map<std::string, std::string>{{"toy", "toy"},
                                          {"toy@3", "toy"},
                                          {"toy@*", "toy@4.1.0"},
                                          {"toy@3.9", "toy@3.9.18"},
                                          {"\"toy@<3.11\"", "toy@3.10.1"},
                                          {"\"toy@>=3.11 <4.1\"", "toy@4.0.7"},
                                          {"{engine: toy, version: ~4.0}", "toy@4.0.7"}}) {
    ASSERT_EQ(resolve("runtime: " + asked), "") << asked;
    EXPECT_EQ(spec.runtime_key, key) << asked;
    EXPECT_EQ(spec.runtime, "toy");
  }
  EXPECT_FALSE(toys.looked_again);
  EXPECT_NE(resolve("runtime: toy@5"), "");
  EXPECT_TRUE(toys.looked_again);
}

TEST_F(ResolveTest, a_version_runs_where_the_default_is_missing) {
  toys.write("f/main.tin");
  toys.others = {"4.1.0"};
  ASSERT_EQ(resolve("runtime: tin@4"), "");
  EXPECT_EQ(spec.runtime_key, "tin@4.1.0");
  EXPECT_EQ(resolve("runtime: tin@3"), "no tin here is 3; there is 4.1.0 (/bin/tin-4.1.0)");
  ASSERT_EQ(resolve("runtime: tin"), "");  // those who call are told
  EXPECT_EQ(spec.runtime_key, "tin");
}

TEST_F(ResolveTest, another_version_of_the_runtime_is_another_version_of_the_function) {
  toys.write("f/main.toy");
  toys.others = {"4.1.0"};
  std::string first = version_now("runtime: toy@3.11");
  EXPECT_EQ(version_now("runtime: toy"), first);
  EXPECT_NE(version_now("runtime: toy@4"), first);
}

TEST_F(ResolveTest, runtimes_are_suggested_or_listed) {
  toys.write("f/main.toy");
  EXPECT_EQ(resolve("runtime: toyy"), "there is no runtime \"toyy\"");
  EXPECT_EQ(error->hint, "did you mean \"toy\"?");
  EXPECT_EQ(resolve("runtime: elephant"), "there is no runtime \"elephant\"");
  EXPECT_EQ(error->hint, "runtimes are tin, toy");
}

TEST_F(ResolveTest, mode_the_runtime_does_not_have_is_refused) {
  toys.write("f/main.toy");
  auto crippled = std::make_shared<RuntimeSpec>(*toys.runtimes["toy"]);
  crippled->pool_command.clear();
  toys.runtimes["toy"] = crippled;
  EXPECT_EQ(resolve("interface: json"), "runtime toy has no command for interface json");
  EXPECT_EQ(resolve("interface: stdio"), "");
  crippled = std::make_shared<RuntimeSpec>(*crippled);
  crippled->oneshot_command.clear();
  toys.runtimes["toy"] = crippled;
  EXPECT_EQ(resolve("interface: stdio"), "runtime toy has no command for interface stdio");
}

TEST_F(ResolveTest, entrypoint_may_come_from_the_build) {
  toys.write("f/source.txt");
  EXPECT_EQ(resolve("runtime: toy\nentrypoint: dist/out.toy\n"
                    "build: {command: make, output: dist/out.toy}\n"),
            "");
  EXPECT_NE(resolve("runtime: toy\nentrypoint: dist/out.toy\n"), "");
}

TEST_F(ResolveTest, overrides_win_over_the_manifest) {
  toys.write("f/main.toy");
  toys.overrides = {{"interface", "stdio"}, {"timeout", "3s"}, {"runtime", "toy@3"}};
  ASSERT_EQ(resolve("interface: json\nlimits: {timeout: 9s}"), "");
  EXPECT_EQ(spec.interface, "stdio");
  EXPECT_EQ(spec.limits.timeout, Duration{3s});
  EXPECT_EQ(spec.runtime_version, "3");
  toys.overrides["runtime"] = "toy";
  ASSERT_EQ(resolve("runtime: toy@99"), "");
  EXPECT_EQ(spec.runtime_version, "");
  toys.overrides = {{"timeout", "soon"}};
  EXPECT_EQ(resolve(), "timeout: \"soon\" is not a duration");
  toys.overrides = {{"mode", "thread"}};
  EXPECT_EQ(resolve(), "mode must be pool or oneshot, not \"thread\"");
  toys.overrides = {{"runtime", "none"}};
  EXPECT_EQ(resolve(), "there is no runtime \"none\"");
}

TEST_F(ResolveTest, version_stays_while_nothing_changes) {
  toys.write("f/main.toy");
  std::string before = version_now();
  EXPECT_EQ(version_now(), before);
  EXPECT_EQ(before.size(), 16u);
}

TEST_F(ResolveTest, version_changes_with_content) {
  toys.write("f/main.toy", "one");
  std::string first = version_now();
  toys.write("f/main.toy", "longer");
  std::string second = version_now();
  EXPECT_NE(second, first);
  toys.write("f/deep/beside.txt", "x");
  std::string third = version_now();
  EXPECT_NE(third, second);
  std::filesystem::remove_all(toys.functions() / "f/deep");
  EXPECT_EQ(version_now(), second);
}

TEST_F(ResolveTest, version_changes_with_the_description_and_the_runtime) {
  toys.write("f/main.toy");
  std::string plain = version_now();
  for (std::string_view manifest :
       {"limits: {timeout: 9s}", "env: {A: b}", "interface: context", "interface: stdio",
        "entrypoint: main.toy:handle", "name: other"})
    EXPECT_NE(version_now(manifest), plain) << manifest;
  toys.scratch.write("runtimes/toy/worker.toy", "new");
  EXPECT_NE(version_now(), plain);
}

TEST_F(ResolveTest, version_changes_with_what_its_workers_may_do) {
  toys.write("f/main.toy");
  std::set<std::string> seen{version_now()};
  for (std::string_view manifest :
       {"sandbox: {level: strict}", "sandbox: {net: [a.b:1]}", "sandbox: {net: [a.b:2]}",
        "sandbox: {read: [/usr]}", "sandbox: {write: [/usr]}", "limits: {memory: 64MiB}",
        "limits: {cpu: 2}", "limits: {pids: 7}", "limits: {files: 77}", "limits: {disk: 1MiB}",
        "limits: {logs: 1KiB}"})
    EXPECT_TRUE(seen.insert(version_now(manifest)).second) << manifest;
  EXPECT_EQ(version_now(), version_now("sandbox: {level: sandbox}"));
}

TEST_F(ResolveTest, a_level_below_the_operators_is_a_problem) {
  toys.write("f/main.toy");
  EXPECT_EQ(resolve("sandbox: {level: process}"),
            "function f asks for sandbox level process, and this trivet allows none below sandbox");
  EXPECT_EQ(resolve("sandbox: {level: sandbox}"), "");
}

TEST_F(ResolveTest, hidden_and_fetched_files_do_not_count) {
  toys.write("f/main.toy");
  std::string before = version_now();
  toys.write("f/.trivet/cache");
  toys.write("f/node_modules/x/index.js");
  toys.write("f/main.toy~");
  EXPECT_EQ(version_now(), before);
}

TEST_F(ResolveTest, with_watch_globs_only_watched_files_count) {
  constexpr std::string_view kManifest =
      "runtime: toy\nentrypoint: dist/out.toy\n"
      "build: {command: make, output: dist/out.toy, watch: [\"src/**\", \"*.json\"]}\n";
  toys.write("f/src/a.txt");
  std::string first = version_now(kManifest);
  toys.write("f/README.md");
  toys.write("f/other/a.json");
  toys.write("f/dist/out.toy");
  EXPECT_EQ(version_now(kManifest), first);
  toys.write("f/src/deep/b.txt");
  std::string second = version_now(kManifest);
  EXPECT_NE(second, first);
  toys.write("f/package.json");
  EXPECT_NE(version_now(kManifest), second);
}

TEST_F(ResolveTest, what_the_build_makes_does_not_count) {
  constexpr std::string_view kManifest =
      "runtime: toy\nentrypoint: out.toy\nbuild: {command: make, output: out.toy}\n";
  toys.write("f/a.txt");
  std::string first = version_now(kManifest);
  toys.write("f/out.toy");
  EXPECT_EQ(version_now(kManifest), first);
  toys.write("f/b.txt");
  EXPECT_NE(version_now(kManifest), first);
}

TEST_F(ResolveTest, version_of_a_lone_file_has_the_sources_directly_beside_it) {
  toys.root = toys.write("a.toy");
  std::string first = version_found();
  toys.write("notes.txt");
  toys.write("b.tin");
  toys.write("deeper/b.toy");
  EXPECT_EQ(version_found(), first);
  toys.write("b.toy");
  std::string second = version_found();
  EXPECT_NE(second, first);
  toys.write("b.toy", "changed");
  EXPECT_NE(version_found(), second);
}

TEST_F(ResolveTest, version_of_a_lone_file_has_itself) {
  toys.root = toys.write("a.toy");
  std::string first = version_found();
  toys.write("a.toy", "changed");
  EXPECT_NE(version_found(), first);
}

TEST_F(ResolveTest, version_of_a_folder_without_manifest_has_all_its_files) {
  toys.write("f/main.toy");
  std::string first = version_found();
  toys.write("f/used_by_main.toy");
  EXPECT_NE(version_found(), first);
}

TEST(Claims, extensions_are_compared_whole) {
  RuntimeSpec runtime;
  runtime.extensions = {".toy"};
  EXPECT_TRUE(claims(runtime, "a/b.toy"));
  for (std::string_view file : {"toy", "a.toys", "a.to", ".toy", "a.toy.bak", "a.TOY", ""})
    EXPECT_FALSE(claims(runtime, file)) << file;
}

}  // namespace
}  // namespace trivet::catalog
