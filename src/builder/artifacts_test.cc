// What is found in the cache is whole, or made again.

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "builder/builder_fixture_test.h"
#include "store/store.h"

namespace trivet::builder {
namespace {

class StoreTest : public BuilderTest {
 protected:
  catalog::RuntimeSpec two_steps() {
    auto runtime =
        runtime_with_step(run_mark("1") + "mkdir ${output}/sub; echo made >${output}/sub/made");
    runtime.build_steps.push_back(
        step("link", run_mark("2") + "cat ${output}/sub/made >${output}/app"));
    return runtime;
  }
  // What a host finds that starts now.
  Result<Artifact> build_anew() {
    fresh_builder();
    return build(function(), two_steps());
  }
  fs::path built() { return build_anew()->output; }
  std::string warnings() {
    std::string out;
    for (const auto& line : logs.all)
      if (line.level == LogLevel::kWarn) out += line.message + "\n";
    return out;
  }
};

TEST_F(StoreTest, what_is_whole_is_used_by_the_next_host) {
  built();
  built();
  EXPECT_EQ(runs(), "12");
  EXPECT_EQ(warnings(), "");
}

TEST_F(StoreTest, a_file_that_was_changed_or_lost_is_found_at_the_next_start) {
  fs::path app = built() / "app";
  std::ofstream(app) << "MADE\n";  // as long as it was
  EXPECT_EQ(read(built() / "app"), "made\n");
  EXPECT_EQ(runs(), "122");
  EXPECT_NE(warnings().find("app was written to"), std::string::npos) << warnings();
  std::ofstream(app) << "longer than before";
  EXPECT_EQ(read(built() / "app"), "made\n");
  fs::remove(app);
  EXPECT_EQ(read(built() / "app"), "made\n");
  EXPECT_EQ(runs(), "12222");
}

TEST_F(StoreTest, what_an_artifact_leads_into_is_looked_at_too) {
  fs::path output = built();
  std::ofstream(output / "sub/made", std::ios::app)
      << "more";  // of the step before, through a link
  EXPECT_EQ(read(built() / "app"), "made\n");
  EXPECT_EQ(runs(), "1212");
}

TEST_F(StoreTest, files_that_came_later_do_not_make_it_damaged) {
  fs::path output = built();
  std::ofstream(output / "written-by-the-function") << "x";
  EXPECT_TRUE(fs::exists(built() / "written-by-the-function"));
  EXPECT_EQ(runs(), "12");
}

TEST_F(StoreTest, without_its_description_it_is_made_again) {
  fs::path contents = built().parent_path() / "contents";
  std::string text = read(contents);
  for (const std::string& bad : {std::string{}, text.substr(0, text.size() / 2), "x" + text}) {
    std::ofstream(contents) << bad;
    EXPECT_EQ(read(built() / "app"), "made\n");
  }
  fs::remove(contents);
  EXPECT_EQ(read(built() / "app"), "made\n");
  EXPECT_EQ(runs(), "122222");
}

TEST_F(StoreTest, what_a_killed_host_left_is_removed_by_the_next) {
  std::string begun = (root / "begun").string();
  fs::create_directories(root / "cache/users");
  pid_t child = fork();
  if (child == 0) {  // another host
    store::Store store{root / "cache"};
    auto making = store.begin(std::string(64, 'a'), "");
    std::ofstream(*making / "files/half") << "half";
    std::ofstream{begun} << "x";
    for (;;) pause();
  }
  await_file(begun);
  EXPECT_EQ(artifacts(), 1u);
  fresh_builder();
  EXPECT_TRUE(build(function(), two_steps()).ok());
  EXPECT_EQ(artifacts(), 3u) << "it lives: what it makes stays";
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  built();
  EXPECT_EQ(artifacts(), 2u);
}

TEST_F(StoreTest, a_description_that_cannot_be_written_is_said_and_nothing_is_left) {
  // Nothing over 64 bytes can be written by us; the step's own output is smaller.
  auto runtime = runtime_with_step("printf made >${output}/app");
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit tight{64, before.rlim_max};
  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &tight);
  auto artifact = build(function(), runtime);
  setrlimit(RLIMIT_FSIZE, &before);
  ASSERT_FALSE(artifact.ok());
  EXPECT_EQ(artifact.error().code, ErrorCode::kIo);
  EXPECT_NE(artifact.error().message.find("contents: File too large"), std::string::npos)
      << artifact.error().message;
  EXPECT_NE(artifact.error().hint.find("trivet cache prune"), std::string::npos);
  for (Instant end = loop.now() + 20s; artifacts() > 0 && loop.now() < end;)
    loop.run_once(loop.now() + 1ms);
  EXPECT_EQ(artifacts(), 0u);
  EXPECT_TRUE(build(function(), runtime).ok());
}

TEST_F(StoreTest, keys_in_use_are_those_of_hosts_that_live) {
  std::string key = built().parent_path().filename().string();
  EXPECT_TRUE(store::keys_in_use(root / "cache").contains(key));
  builder.reset();
  EXPECT_TRUE(store::keys_in_use(root / "cache").empty());
}

}  // namespace
}  // namespace trivet::builder
