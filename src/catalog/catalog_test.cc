#include "catalog/catalog.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "catalog/scratch_test.h"

namespace trivet::catalog {
namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

// Every toolchain says that it is this version, toy-VERSION that one.
struct FakeRunner final : CommandRunner {
  std::atomic<int> runs{0};
  std::string version = "3.11.2";
  Result<std::string> run(const std::vector<std::string>& argv) override {
    ++runs;
    size_t dash = argv[0].rfind("/toy-");
    return "toy " + (dash == std::string::npos ? version : argv[0].substr(dash + 5));
  }
};

class CatalogTest : public ::testing::Test {
 protected:
  CatalogTest() : prober(runner, "", {}) {
    add_runtime("toy", "");
    add_runtime("spare", "");
    fs::create_directories(root());
  }
  void add_runtime(const std::string& name, const std::string& more) {
    scratch.write("runtimes/" + name + "/runtime.yaml",
                  "name: " + name + "\nextensions: [." + name + "]\nentrypoints: [main." + name +
                      "]\ntoolchain:\n  binary: [/bin/sh]\n  version: {args: [-v], pattern: \"toy "
                      "([0-9.]+)\"}\ninterfaces: [json]\npool: {command: [\"${binary}\"]}\n" +
                      more);
  }
  void install(const std::string& name) {
    auto file = scratch.write("bin/" + name, "x");
    fs::permissions(file, fs::perms::owner_all);
  }
  // toy takes toy-VERSION of bin/ too.
  void with_versions() {
    add_runtime("toy", "");
    auto file = scratch / "runtimes/toy/runtime.yaml";
    std::ifstream in(file);
    std::string text{std::istreambuf_iterator<char>{in}, {}};
    text.insert(text.find("  version:"),
                "  versions: [" + (scratch / "bin/toy-*").string() + "]\n");
    scratch.write("runtimes/toy/runtime.yaml", text);
  }
  Names versions() const {
    Names out;
    for (const auto& [name, runtime] : catalog->current()->versions) out.push_back(name);
    return out;
  }
  fs::path root() const { return scratch / "functions"; }
  void write(std::string_view below, std::string_view text = "x") const {
    scratch.write("functions/" + std::string{below}, text);
  }
  void open() {
    auto opened = Catalog::open({root(), {scratch / "runtimes"}, {}, {}}, prober);
    ASSERT_TRUE(opened.ok()) << opened.error().text();
    catalog = std::move(*opened);
  }
  Names names() const { return catalog->current()->names(); }

  Scratch scratch;
  FakeRunner runner;
  Prober prober;
  std::unique_ptr<Catalog> catalog;
};

TEST_F(CatalogTest, open_publishes_what_is_there) {
  write("a.toy");
  write("b/main.toy");
  write("broken/trivet.yaml", "mode: x\n");
  open();
  auto now = catalog->current();
  EXPECT_EQ(now->generation, 1u);
  EXPECT_EQ(names(), (Names{"a", "b"}));
  EXPECT_EQ(now->find("none"), nullptr);
  EXPECT_EQ(now->find("a")->runtime, "toy");
  EXPECT_EQ(now->runtime("toy")->version, "3.11.2");
  EXPECT_EQ(now->runtime("none"), nullptr);
  ASSERT_NE(now->problem("broken"), nullptr);
  EXPECT_EQ(now->problem("a"), nullptr);
}

TEST_F(CatalogTest, root_or_runtimes_that_do_not_exist_are_an_error) {
  auto no_root = Catalog::open({scratch / "none", {scratch / "runtimes"}, {}, {}}, prober);
  ASSERT_FALSE(no_root.ok());
  EXPECT_EQ(no_root.error().code, ErrorCode::kIo);
  EXPECT_NE(no_root.error().message.find((scratch / "none").string()), std::string::npos);
  auto no_runtimes = Catalog::open({root(), {scratch / "none"}, {}, {}}, prober);
  ASSERT_FALSE(no_runtimes.ok());
  EXPECT_EQ(no_runtimes.error().message, "no runtimes were found");
}

TEST_F(CatalogTest, reload_tells_what_changed) {
  write("same/main.toy");  // a lone file changes with those beside it
  write("edited.toy");
  write("gone.toy");
  open();
  EXPECT_TRUE(catalog->reload().empty());
  write("edited.toy", "longer");
  write("fresh.toy");
  fs::remove(root() / "gone.toy");
  Changes changes = catalog->reload();
  EXPECT_EQ(changes.added, Names{"fresh"});
  EXPECT_EQ(changes.changed, Names{"edited"});
  EXPECT_EQ(changes.removed, Names{"gone"});
  EXPECT_EQ(names(), (Names{"edited", "fresh", "same"}));
}

TEST_F(CatalogTest, manifest_that_breaks_is_a_problem_of_every_name_it_had) {
  write("x/main.toy");
  write("x/trivet.yaml", "name: resize\n");
  open();
  write("x/trivet.yaml", "name: [resize]\n");
  for (int look = 0; look < 2; ++look) {  // the second knows the old name from the first only
    catalog->reload();
    for (std::string_view name : {"resize", "x"})
      EXPECT_NE(catalog->current()->problem(name), nullptr) << name;
  }
  write("x/trivet.yaml", "name: resize\n");
  catalog->reload();
  EXPECT_TRUE(catalog->current()->problems.empty());
}

TEST_F(CatalogTest, function_that_did_not_change_keeps_its_pointer) {
  write("same/main.toy");
  write("edited.toy");
  open();
  auto before = catalog->current();
  write("edited.toy", "longer");
  catalog->reload();
  auto now = catalog->current();
  EXPECT_NE(before, now);
  EXPECT_GT(now->generation, before->generation);
  EXPECT_EQ(before->find("same"), now->find("same"));
  EXPECT_NE(before->find("edited"), now->find("edited"));
  EXPECT_EQ(before->runtime("toy"), now->runtime("toy"));
}

TEST_F(CatalogTest, old_snapshot_stays_as_it_was) {
  write("a.toy");
  open();
  auto before = catalog->current();
  fs::remove(root() / "a.toy");
  catalog->reload();
  EXPECT_EQ(before->names(), Names{"a"});
  EXPECT_EQ(names(), Names{});
}

TEST_F(CatalogTest, root_that_vanished_keeps_its_functions_and_says_so) {
  write("a.toy");
  write("b/main.toy");
  open();
  auto before = catalog->current();
  fs::rename(root(), scratch / "away");
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(catalog->reload().empty());
    auto now = catalog->current();
    EXPECT_EQ(now->find("a"), before->find("a"));
    EXPECT_EQ(now->find("b"), before->find("b"));
    EXPECT_EQ(now->runtime("toy"), before->runtime("toy"));
    ASSERT_EQ(now->problems.size(), 1u);
    EXPECT_NE(now->problems[0].error.message.find("has vanished"), std::string::npos);
  }
  fs::rename(scratch / "away", root());
  catalog->reload();
  EXPECT_EQ(names(), (Names{"a", "b"}));
  EXPECT_TRUE(catalog->current()->problems.empty());
}

TEST_F(CatalogTest, function_that_broke_is_a_problem_until_it_is_mended) {
  write("f/main.toy");
  write("f/trivet.yaml", "mode: pool\n");
  open();
  write("f/trivet.yaml", "mode: swim\n");
  EXPECT_EQ(catalog->reload().removed, Names{"f"});
  ASSERT_NE(catalog->current()->problem("f"), nullptr);
  write("f/trivet.yaml", "mode: pool # again\n");
  EXPECT_EQ(catalog->reload().added, Names{"f"});
  EXPECT_EQ(catalog->current()->problem("f"), nullptr);
}

TEST_F(CatalogTest, only_runtimes_that_functions_use_are_looked_for) {
  write("a.toy");
  open();
  EXPECT_EQ(runner.runs, 1);
  EXPECT_TRUE(catalog->current()->runtime("toy")->available());
  EXPECT_FALSE(catalog->current()->runtime("spare")->available());
  EXPECT_EQ(catalog->current()->runtime("spare")->reason, "not looked for yet");
  catalog->probe_all();
  EXPECT_EQ(runner.runs, 2);
  EXPECT_TRUE(catalog->current()->runtime("spare")->available());
  catalog->probe_all();
  EXPECT_EQ(runner.runs, 2);
  catalog->reload();
  EXPECT_TRUE(catalog->current()->runtime("spare")->available());
}

TEST_F(CatalogTest, edited_runtime_is_taken_with_all_its_fields) {
  write("a.toy");
  open();
  catalog->probe_all();
  auto before = catalog->current();
  for (const std::string name : {"toy", "spare"})
    add_runtime(name, "concurrency: 7\nbuild: {steps: [{name: x, command: [make]}]}\n");
  EXPECT_EQ(catalog->reload().changed, Names{"a"});
  for (const std::string name : {"toy", "spare"}) {
    auto now = catalog->current()->runtime(name);
    EXPECT_NE(now, before->runtime(name)) << name;
    EXPECT_EQ(now->concurrency, 7) << name;
    EXPECT_EQ(now->build_steps.size(), 1u) << name;
    EXPECT_TRUE(now->available()) << name;
  }
}

TEST_F(CatalogTest, change_in_a_folder_that_runtimes_share_is_a_new_version) {
  write("a.toy");
  write("b.spare");
  scratch.write("runtimes/_common/worker", "one");
  add_runtime("toy", "shares: [_common]\n");
  open();
  scratch.write("runtimes/_common/worker", "two, and longer");
  EXPECT_EQ(catalog->reload().changed, Names{"a"});
}

TEST_F(CatalogTest, shared_folder_that_is_not_there_is_a_problem) {
  write("a.toy");
  scratch.write("elsewhere/worker", "x");
  for (const std::string shares : {"_nowhere", "../elsewhere"}) {
    add_runtime("spare", "shares: [" + shares + "]\n");
    open();
    ASSERT_EQ(catalog->current()->problems.size(), 1u) << shares;
    EXPECT_NE(catalog->current()->problems[0].error.message.find(shares), std::string::npos);
  }
}

TEST_F(CatalogTest, broken_runtime_is_a_problem_and_the_others_serve) {
  write("a.toy");
  add_runtime("spare", "no_such_field: 1\n");
  open();
  EXPECT_EQ(names(), Names{"a"});
  EXPECT_EQ(catalog->current()->runtime("spare"), nullptr);
  ASSERT_EQ(catalog->current()->problems.size(), 1u);
  EXPECT_NE(catalog->current()->problems[0].error.message.find("no_such_field"), std::string::npos);
}

TEST_F(CatalogTest, overrides_reach_a_lone_file) {
  write("a.toy");
  auto opened =
      Catalog::open({root() / "a.toy", {scratch / "runtimes"}, {}, {{"timeout", "3s"}}}, prober);
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ((*opened)->current()->find("a")->limits.timeout, Duration{3s});
}

TEST_F(CatalogTest, root_may_end_in_a_slash_or_a_dot) {
  write("a.toy");
  for (const char* end : {"/", "/.", "/b/.."}) {
    auto opened = Catalog::open({root().string() + end, {scratch / "runtimes"}, {}, {}}, prober);
    ASSERT_TRUE(opened.ok()) << end;
    EXPECT_EQ((*opened)->current()->names(), Names{"a"}) << end;
  }
}

TEST_F(CatalogTest, an_added_function_is_there_until_it_is_removed) {
  write("a.toy");
  scratch.write("elsewhere/main.spare", "x");
  open();
  auto spec = [this](const char* name) {
    FunctionSpec added;
    added.name = name;
    added.runtime = "spare";
    added.dir = scratch / "elsewhere";
    return added;
  };
  ASSERT_TRUE(catalog->add(spec("b")).ok());
  auto added = catalog->current()->find("b");
  ASSERT_TRUE(added);
  EXPECT_EQ(added->entrypoint, "main.spare");
  EXPECT_EQ(added->interface, "json");
  EXPECT_TRUE(catalog->current()->runtime("spare")->available());
  EXPECT_EQ(catalog->add(spec("a")).error().code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(catalog->add(spec("b")).error().code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(catalog->add(spec("No name")).error().code, ErrorCode::kInvalidManifest);
  catalog->reload();
  EXPECT_EQ(catalog->current()->find("b"), added);
  EXPECT_TRUE(catalog->current()->runtime("spare")->available());
  EXPECT_TRUE(catalog->remove("b"));
  EXPECT_FALSE(catalog->remove("b"));
  EXPECT_FALSE(catalog->remove("a"));
  EXPECT_EQ(names(), Names{"a"});
  catalog->reload();
  EXPECT_EQ(names(), Names{"a"});
}

TEST_F(CatalogTest, a_folder_of_modules_needs_no_entrypoint) {
  add_runtime("toy", "");
  scratch.write(
      "runtimes/many/runtime.yaml",
      "name: many\nextensions: [.m]\nentrypoints: [main.m]\ntoolchain:\n  binary: "
      "[/bin/sh]\n  version: {args: [-v], pattern: \"toy ([0-9.]+)\"}\ninterfaces: [json, "
      "module]\npool: {command: [\"${binary}\"]}\n");
  write("f/trivet.yaml", "runtime: many\ninterface: module\n");
  write("f/z.m");
  write("f/b.m");
  write("none/trivet.yaml", "runtime: many\ninterface: module\n");
  open();
  ASSERT_TRUE(catalog->current()->find("f"));
  EXPECT_EQ(catalog->current()->find("f")->entrypoint, "b.m");
  ASSERT_TRUE(catalog->current()->problem("none"));
  EXPECT_NE(catalog->current()->problem("none")->error.message.find("ends with .m"),
            std::string::npos);
}

TEST_F(CatalogTest, versions_are_looked_for_when_somebody_asks_for_one) {
  with_versions();
  for (const char* name : {"toy-4.0", "toy-4.1", "toy-3.11.2"}) install(name);
  write("a.toy");
  open();
  EXPECT_EQ(runner.runs, 1);
  EXPECT_EQ(versions(), Names{});
  write("b/main.toy");
  write("b/trivet.yaml", "runtime: toy@4\n");
  EXPECT_EQ(catalog->reload().added, Names{"b"});
  EXPECT_EQ(versions(), (Names{"toy@4.0", "toy@4.1"}));  // the default is 3.11.2 already
  auto now = catalog->current();
  EXPECT_EQ(now->runtime_of(*now->find("a")), now->runtime("toy"));
  auto four = now->runtime_of(*now->find("b"));
  ASSERT_TRUE(four);
  EXPECT_EQ(four, now->runtime("toy@4.1"));
  EXPECT_EQ(four->binary, (scratch / "bin/toy-4.1").string());
  EXPECT_EQ(four->family(), "toy");
  EXPECT_TRUE(catalog->reload().empty());
  catalog->probe_all();
  EXPECT_EQ(catalog->current()->runtime("toy@4.1"), four);  // the same object: its pools stay
}

TEST_F(CatalogTest, a_function_moves_to_another_version_when_its_range_or_what_is_there_changes) {
  with_versions();
  install("toy-4.0");
  write("b/main.toy");
  write("b/trivet.yaml", "runtime: toy@3\n");
  open();
  auto key = [this] { return catalog->current()->find("b")->runtime_key; };
  EXPECT_EQ(key(), "toy");
  write("b/trivet.yaml", "runtime: toy@>=4\n");
  EXPECT_EQ(catalog->reload().changed, Names{"b"});
  EXPECT_EQ(key(), "toy@4.0");
  install("toy-4.1");
  EXPECT_EQ(catalog->reload().changed, Names{"b"});
  EXPECT_EQ(key(), "toy@4.1");
  runner.version = "4.1";  // the default is upgraded to the same
  auto fresh = Catalog::open({root(), {scratch / "runtimes"}, {}, {}}, prober);
  EXPECT_EQ(catalog->current()->find("b")->version, (*fresh)->current()->find("b")->version);
  fs::remove(scratch / "bin/toy-4.0");
  fs::remove(scratch / "bin/toy-4.1");
  EXPECT_EQ(catalog->reload().removed, Names{"b"});
  ASSERT_TRUE(catalog->current()->problem("b"));
  EXPECT_EQ(catalog->current()->problem("b")->error.code, ErrorCode::kRuntimeNotAvailable);
}

TEST_F(CatalogTest, a_version_that_a_function_runs_with_stays_known) {
  with_versions();
  install("toy-4.0");
  install("toy-4.1");
  write("b/main.toy");
  write("b/trivet.yaml", "runtime: toy@4.0\n");
  open();
  auto four = catalog->current()->runtime("toy@4.0");
  fs::remove(scratch / "bin/toy-4.0");
  fs::remove(scratch / "bin/toy-4.1");
  catalog->probe_all();  // looks at toolchains, not at functions
  EXPECT_EQ(versions(), Names{"toy@4.0"});
  EXPECT_EQ(catalog->current()->runtime("toy@4.0"), four);
}

TEST_F(CatalogTest, an_added_function_may_ask_for_a_version) {
  with_versions();
  install("toy-4.0");
  scratch.write("elsewhere/main.toy", "x");
  open();
  FunctionSpec added;
  added.name = "b";
  added.runtime = "toy";
  added.runtime_version = "4";
  added.dir = scratch / "elsewhere";
  ASSERT_TRUE(catalog->add(added).ok());
  auto now = catalog->current();
  auto four = now->runtime_of(*now->find("b"));
  ASSERT_TRUE(four);
  EXPECT_EQ(four->name, "toy@4.0");
  catalog->reload();
  EXPECT_EQ(catalog->current()->runtime_of(*now->find("b")), four);
}

TEST_F(CatalogTest, readers_see_whole_snapshots_while_others_reload) {
  write("a.toy");
  write("b.toy");
  open();
  std::atomic<bool> done{false}, torn{false};
  std::thread reader([&] {
    uint64_t last = 0;
    while (!done) {
      auto now = catalog->current();
      if (now->generation < last || !now->find("b")) torn = true;
      last = now->generation;
    }
  });
  std::thread other([&] {
    for (int i = 0; i < 20; ++i) catalog->reload();
  });
  for (int i = 0; i < 20; ++i) {
    write("a.toy", std::string(static_cast<size_t>(i), 'x'));
    catalog->reload();
  }
  other.join();
  done = true;
  reader.join();
  EXPECT_FALSE(torn);
  EXPECT_EQ(catalog->current()->generation, 41u);
}

}  // namespace
}  // namespace trivet::catalog
