#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "builder/builder.h"

namespace trivet::builder {
namespace {

namespace fs = std::filesystem;

// A variable of our own environment, as it was again at the end.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* was = std::getenv(name)) before_ = was;
    if (value)
      setenv(name, value, 1);
    else
      unsetenv(name);
  }
  ~Variable() {
    if (before_)
      setenv(name_, before_->c_str(), 1);
    else
      unsetenv(name_);
  }

 private:
  const char* name_;
  std::optional<std::string> before_;
};

bool has(const std::vector<std::string>& env, const std::string& entry) {
  return std::count(env.begin(), env.end(), entry) == 1;
}
bool names(const std::vector<std::string>& env, const std::string& name) {
  return std::any_of(env.begin(), env.end(),
                     [&](const auto& entry) { return entry.starts_with(name + "="); });
}

TEST(BaseEnvironment, passes_on_what_programs_need_and_no_secrets) {
  Variable path{"PATH", "/some/bin"}, zone{"TZ", "UTC"}, secret{"TRIVET_TEST_SECRET", "s"};
  auto env = base_environment({});
  EXPECT_TRUE(has(env, "PATH=/some/bin"));
  EXPECT_TRUE(has(env, "TZ=UTC"));
  EXPECT_FALSE(names(env, "TRIVET_TEST_SECRET"));
}

TEST(BaseEnvironment, what_is_added_wins_and_stands_there_once) {
  Variable path{"PATH", "/some/bin"};
  auto env = base_environment({{"PATH", "/mine"}, {"A", "1"}, {"B", ""}});
  EXPECT_TRUE(has(env, "PATH=/mine"));
  EXPECT_FALSE(has(env, "PATH=/some/bin"));
  EXPECT_TRUE(has(env, "A=1"));
  EXPECT_TRUE(has(env, "B="));
}

TEST(BaseEnvironment, has_a_path_even_when_we_have_none) {
  Variable path{"PATH", nullptr}, zone{"TZ", nullptr};
  auto env = base_environment({});
  EXPECT_TRUE(names(env, "PATH"));
  EXPECT_FALSE(names(env, "TZ"));
}

TEST(BuildEnvironment, has_the_way_to_the_world_and_what_the_runtime_asks_for) {
  setenv("https_proxy", "http://127.0.0.1:1", 1);
  setenv("HTTPS_PROXY_SECRET", "no", 1);
  setenv("TOYPM_REGISTRY", "elsewhere", 1);
  auto has = [](const std::vector<std::string>& env, const std::string& pair) {
    return std::find(env.begin(), env.end(), pair) != env.end();
  };
  auto env = build_environment({"toypm_"}, sandbox::Level::kTrusted);
  EXPECT_TRUE(has(env, "https_proxy=http://127.0.0.1:1"));
  EXPECT_TRUE(has(env, "TOYPM_REGISTRY=elsewhere"));
  EXPECT_FALSE(has(env, "HTTPS_PROXY_SECRET=no"));
  EXPECT_FALSE(has(build_environment({}, sandbox::Level::kTrusted), "TOYPM_REGISTRY=elsewhere"));
  for (const char* name : {"https_proxy", "HTTPS_PROXY_SECRET", "TOYPM_REGISTRY"}) unsetenv(name);
}

class FindProgramTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "trivet-path-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root = name;
    for (auto folder : {"a", "b"}) fs::create_directory(root / folder);
  }
  void TearDown() override { fs::remove_all(root); }
  void put(const std::string& name, mode_t mode) {
    std::ofstream(root / name) << "#!/bin/sh\n";
    ASSERT_EQ(chmod((root / name).c_str(), mode), 0);
  }
  std::string path() { return (root / "a").string() + ":" + (root / "b").string(); }
  fs::path root;
};

TEST_F(FindProgramTest, takes_the_first_folder_of_path_that_has_it) {
  put("b/tool", 0755);
  Variable variable{"PATH", path().c_str()};
  EXPECT_EQ(find_program("tool"), (root / "b/tool").string());
  put("a/tool", 0755);
  EXPECT_EQ(find_program("tool"), (root / "a/tool").string());
}

TEST_F(FindProgramTest, passes_over_what_cannot_be_run) {
  put("a/tool", 0644);
  put("b/tool", 0755);
  Variable variable{"PATH", path().c_str()};
  EXPECT_EQ(find_program("tool"), (root / "b/tool").string());
}

TEST_F(FindProgramTest, passes_over_folders) {
  fs::create_directory(root / "a/tool");
  put("b/tool", 0755);
  Variable variable{"PATH", path().c_str()};
  EXPECT_EQ(find_program("tool"), (root / "b/tool").string());
  EXPECT_EQ(find_program((root / "a/tool").string()), "");
}

TEST_F(FindProgramTest, is_empty_when_there_is_none) {
  Variable variable{"PATH", path().c_str()};
  EXPECT_EQ(find_program("tool"), "");
  EXPECT_EQ(find_program(""), "");
}

TEST_F(FindProgramTest, a_name_with_a_slash_is_not_searched) {
  put("b/tool", 0755);
  Variable variable{"PATH", path().c_str()};
  EXPECT_EQ(find_program((root / "b/tool").string()), (root / "b/tool").string());
  EXPECT_EQ(find_program((root / "a/tool").string()), "");
}

}  // namespace
}  // namespace trivet::builder
