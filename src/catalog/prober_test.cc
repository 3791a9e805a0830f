#include "catalog/prober.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "catalog/candidates.h"
#include "catalog/scratch_test.h"

namespace trivet::catalog {
namespace {

namespace fs = std::filesystem;
using Texts = std::vector<std::string>;

// A binary says the version that its file holds; "-real" first: where it is. Words in the file:
// "fails", "silent", "is PATH" (a wrapper's).
struct FakeRunner final : CommandRunner {
  Texts run_ones;
  Result<std::string> run(const std::vector<std::string>& argv) override {
    run_ones.push_back(argv[0] + " " + argv[1]);
    std::ifstream in(argv[0]);
    std::string text;
    std::getline(in, text);
    if (text == "fails") return Error{ErrorCode::kIo, argv[0] + " ended with exit code 1"};
    if (text == "silent") return std::string{"hello"};
    bool wraps = text.starts_with("is ");
    if (argv[1] == "-real") return wraps ? text.substr(3) : argv[0];
    return "toy " + text;
  }
};

class ProberTest : public ::testing::Test {
 protected:
  ProberTest() {
    spec.name = "toy";
    spec.dir = scratch.write("tree/runtimes/toy/runtime.yaml", "").parent_path();
    spec.binary_candidates = {"toy", "/no/such/toy"};
    spec.binary_versions = {"toy-[0-9]*", (scratch / "manager/*/bin/toy").string()};
    spec.resolve_args = {"-real"};
    spec.version_args = {"-v"};
    spec.version_pattern = "toy ([0-9.]+)";
  }
  std::string install(std::string_view below, std::string_view version) {
    auto file = scratch.write(below, std::string{version} + "\n");
    fs::permissions(file, fs::perms::owner_all);
    return file.string();
  }
  std::string path() const { return (scratch / "a").string() + "::" + (scratch / "b").string(); }
  Prober prober(const fs::path& cache = {}) { return {runner, path(), cache}; }
  // "VERSION where" of the first and then the others.
  Texts found(Prober& by, Prober::Failed failed = Prober::Failed::kLeftOut) {
    RuntimeSpec first = spec;
    by.probe(first);
    reason = first.reason;
    Texts out;
    auto add = [&](const std::string& version, const std::string& binary) {
      out.push_back(version + " " + fs::path{binary}.lexically_relative(scratch.path()).string());
    };
    if (first.available()) add(first.version, first.binary);
    for (const auto& other : by.others(first, failed)) add(other.version, other.binary);
    return out;
  }
  Texts found() {
    auto by = prober();
    return found(by);
  }

  Scratch scratch;
  FakeRunner runner;
  RuntimeSpec spec;
  std::string reason;
};

TEST_F(ProberTest, all_places_are_looked_through_in_order) {
  install("manager/3.3/bin/toy", "3.3");
  install("b/toy", "3.1");
  install("a/toy", "3.0");
  install("b/toy-2", "2.5");
  install("tree/.toolchains/bin/toy", "4.0");
  install("tree/.toolchains/bin/toy-5", "5.0");
  install("a/toy-config", "9.9");  // no glob has it
  EXPECT_EQ(found(), (Texts{"3.0 a/toy", "3.1 b/toy", "4.0 tree/.toolchains/bin/toy", "2.5 b/toy-2",
                            "5.0 tree/.toolchains/bin/toy-5", "3.3 manager/3.3/bin/toy"}));
}

TEST_F(ProberTest, one_binary_counts_once_however_it_is_reached) {
  std::string real = install("manager/3.3/bin/toy", "3.3");
  fs::create_directories(scratch / "a");
  fs::create_symlink(real, scratch / "a/toy");
  fs::create_directory_symlink(scratch / "a", scratch / "b");
  install("tree/.toolchains/bin/toy", "is " + real);  // a program that starts it
  EXPECT_EQ(found(), Texts{"3.3 a/toy"});
}

TEST_F(ProberTest, of_two_that_say_the_same_version_the_first_counts) {
  install("a/toy", "3.3");
  install("b/toy", "3.3");
  install("b/toy-4", "4.0");
  install("a/toy-4", "4.0");
  EXPECT_EQ(found(), (Texts{"3.3 a/toy", "4.0 a/toy-4"}));
}

TEST_F(ProberTest, what_cannot_be_run_or_tells_no_version_is_no_other) {
  install("a/toy", "3.3");
  install("a/toy-1", "fails");
  install("a/toy-2", "silent");
  scratch.write("a/toy-3", "3.4");  // not executable
  fs::create_directories(scratch / "a/toy-4");
  EXPECT_EQ(found(), Texts{"3.3 a/toy"});
}

TEST_F(ProberTest, the_first_keeps_its_place_even_when_it_fails) {
  install("a/toy", "fails");
  install("b/toy", "3.1");
  EXPECT_EQ(found(), Texts{"3.1 b/toy"});
  EXPECT_NE(reason.find("a/toy ended with exit code 1"), std::string::npos) << reason;
}

TEST_F(ProberTest, where_no_plain_name_is_there_one_with_a_version_is_the_first) {
  install("b/toy-4", "4.0");
  EXPECT_EQ(found(), Texts{"4.0 b/toy-4"});
  fs::remove(scratch / "b/toy-4");
  EXPECT_EQ(found(), Texts{});
  EXPECT_EQ(reason, "/no/such/toy was not found");
}

TEST_F(ProberTest, everything_is_remembered_until_a_file_changes) {
  install("a/toy", "3.3");
  std::string hidden = install("hidden/toy", "4.0");
  install("b/toy-4", "is " + hidden);
  Texts all{"3.3 a/toy", "4.0 hidden/toy"};
  auto first = prober(scratch / "cache");
  EXPECT_EQ(found(first), all);
  runner.run_ones.clear();
  auto second = prober(scratch / "cache");
  EXPECT_EQ(found(second), all);
  EXPECT_EQ(runner.run_ones, Texts{});
  install("hidden/toy", "4.0.11");  // the wrapper stays as it is
  auto third = prober(scratch / "cache");
  EXPECT_EQ(found(third), (Texts{"3.3 a/toy", "4.0.11 hidden/toy"}));
  EXPECT_EQ(runner.run_ones.size(), 2u);
  fs::remove(scratch / "b/toy-4");
  EXPECT_EQ(found(third), Texts{"3.3 a/toy"});
}

TEST_F(ProberTest, a_cache_of_another_form_is_passed_over) {
  install("a/toy", "3.3");
  scratch.write("cache/toolchains", spec.dir.string() + "\ta/toy|1.0|3\t/bin/sh\t9.9\n\t\nx\n");
  auto by = prober(scratch / "cache");
  EXPECT_EQ(found(by), Texts{"3.3 a/toy"});
}

TEST_F(ProberTest, an_other_that_fails_is_run_again_when_it_changes_or_somebody_insists) {
  install("a/toy", "3.3");
  install("a/toy-1", "fails");
  auto first = prober(scratch / "cache");
  found(first);
  size_t runs = runner.run_ones.size();
  EXPECT_EQ(runner.run_ones.back(), (scratch / "a/toy-1").string() + " -real");  // once is enough
  auto second = prober(scratch / "cache");
  found(second);
  EXPECT_EQ(runner.run_ones.size(), runs);
  found(second, Prober::Failed::kAgain);
  EXPECT_EQ(runner.run_ones.size(), runs + 1);
  install("a/toy-1", "2.2.2");
  EXPECT_EQ(found(second), (Texts{"3.3 a/toy", "2.2.2 a/toy-1"}));
}

TEST_F(ProberTest, the_first_is_run_again_each_time_it_failed) {
  install("a/toy", "fails");
  auto by = prober(scratch / "cache");
  found(by);
  size_t runs = runner.run_ones.size();
  RuntimeSpec first = spec;
  by.probe(first);
  EXPECT_GT(runner.run_ones.size(), runs);
}

TEST_F(ProberTest, globs_know_the_home_folder_and_the_runtimes_folder) {
  install("home/.toys/1.1/toy", "1.1");
  install("tree/more/toy-2.2", "2.2");
  spec.binary_versions = {"~/.toys/*/toy", "${runtimes}/../more/toy-*"};
  std::string before = getenv("HOME") ? getenv("HOME") : "";
  setenv("HOME", (scratch / "home").c_str(), 1);
  Texts all = all_candidates(spec, "");
  setenv("HOME", before.c_str(), 1);
  EXPECT_EQ(all, (Texts{(scratch / "home/.toys/1.1/toy").string(),
                        (scratch / "tree/runtimes/../more/toy-2.2").string()}));
}

TEST_F(ProberTest, a_folder_of_path_is_taken_by_its_letters) {
  std::string odd = install("odd [a-z]*/toy-1", "1.1");
  install("odd b/toy-1", "1.2");
  EXPECT_EQ(all_candidates(spec, fs::path{odd}.parent_path().string()), Texts{odd});
}

}  // namespace
}  // namespace trivet::catalog
