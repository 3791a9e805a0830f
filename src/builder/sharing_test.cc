// What a builder asks of a shared store, and what it makes of the answers. The program that
// transfers is a script here.
#include "builder/sharing.h"

#include <algorithm>

#include "builder/builder_fixture_test.h"

namespace trivet::builder {
namespace {

class SharingTest : public BuilderTest {
 protected:
  void SetUp() override {
    BuilderTest::SetUp();
    setenv("AWS_TEST_SECRET", "s", 1);
    answers("pull", 4);
    answers("push", 0);
    put("transfer",
        "#!/bin/sh\ncd " + root.string() +
            "\necho \"$@\" >>asked\nprintenv AWS_TEST_SECRET >>secrets\n"
            "mkdir -p cache/artifacts; [ \"$2\" = push ] || cp -a \"there/artifacts/$4\" "
            "cache/artifacts/ "
            "2>/dev/null\necho trivet: the words of $2 >&2\nread code <$2\nexit $code\n");
    fs::permissions(root / "transfer", fs::perms::owner_all);
    share();
  }
  void TearDown() override {
    BuilderTest::TearDown();
    unsetenv("AWS_TEST_SECRET");
  }
  void share() {
    Builder::Settings settings;
    settings.sharing = {"file:///there", (root / "transfer").string()};
    fresh_builder(settings);
  }
  void answers(const std::string& verb, int code) { put(verb, std::to_string(code) + "\n"); }
  catalog::RuntimeSpec two_steps() {
    auto runtime = runtime_with_step(run_mark("1") + "echo one >${output}/one; env >" +
                                     (root / "env").string());
    runtime.build_steps.push_back(step("link", run_mark("2") + "echo two >${output}/two"));
    return runtime;
  }
  bool build_both() {
    auto artifact = build(function(), two_steps());
    return artifact.ok() && read(artifact->output / "one") == "one\n" &&
           read(artifact->output / "two") == "two\n";
  }
  // Goes on until so many transfers have been asked for and nothing is on its way.
  std::string asked(size_t count) {
    auto lines = [this] { return read(root / "asked"); };
    for (Instant end = loop.now() + 20s; loop.now() < end;) {
      std::string text = lines();
      bool is_settled = settled();
      if (is_settled && static_cast<size_t>(std::count(text.begin(), text.end(), '\n')) >= count)
        break;
      loop.run_once(loop.now() + 1ms);
    }
    return lines();
  }
  static loop::Task<> wait(loop::Task<bool> task, bool& out) { out = co_await std::move(task); }
  bool settled() {
    bool out = false;
    loop::Scope scope{loop};
    loop.refresh();
    scope.spawn(wait(builder->settled(loop.now()), out));
    loop.run_until_quiet();
    return out;
  }
  static size_t times(const std::string& text, const std::string& what) {
    size_t count = 0;
    for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1))
      ++count;
    return count;
  }
  static std::string last_key(const std::string& all) {
    size_t at = all.rfind("--key ");
    return at == std::string::npos ? "none" : all.substr(at + 6, 64);
  }
  std::string warnings() {
    std::string out;
    for (const auto& line : logs.all)
      if (line.level == LogLevel::kWarn) out += line.message + "\n";
    return out;
  }
  std::string said() {
    std::string out;
    for (const auto& line : logs.all) out += line.message + "\n";
    return out;
  }
};

TEST_F(SharingTest, what_the_store_has_not_got_is_built_and_sent) {
  ASSERT_TRUE(build_both());
  std::string all = asked(4);
  EXPECT_EQ(runs(), "12");
  EXPECT_EQ(times(all, "cache pull --key "), 2u) << all;
  EXPECT_EQ(times(all, "cache push --key "), 2u) << all;
  EXPECT_EQ(times(all, "--replace"), 0u) << all;
  EXPECT_EQ(times(all, "--store file:///there --data " + (root / "cache").string()), 4u) << all;
  EXPECT_EQ(warnings(), "");
}

TEST_F(SharingTest, what_it_has_is_not_built) {
  ASSERT_TRUE(build_both());
  asked(4);
  builder.reset();
  fs::rename(root / "cache", root / "there");
  answers("pull", 0);
  share();
  ASSERT_TRUE(build_both());
  EXPECT_EQ(runs(), "12");
  EXPECT_NE(said().find("build: fetch (2 of 2): from file:///there, took"), std::string::npos);
  EXPECT_EQ(times(asked(6), "cache push"), 2u) << "what came from there is not sent back";
  ASSERT_TRUE(build_both());
  EXPECT_EQ(times(asked(6), "cache pull"), 4u) << "what is here is not asked for";
}

TEST_F(SharingTest, what_is_refused_is_built_and_replaced) {
  answers("pull", 7);
  ASSERT_TRUE(build_both());
  EXPECT_EQ(times(asked(4), "--replace"), 2u);
  EXPECT_EQ(runs(), "12");
  EXPECT_EQ(times(warnings(), "is refused, and built here: the words of pull"), 2u) << warnings();
}

TEST_F(SharingTest, a_pull_that_brought_nothing_is_followed_by_a_build) {
  answers("pull", 0);
  ASSERT_TRUE(build_both());
  EXPECT_EQ(times(asked(4), "--replace"), 2u);
  EXPECT_EQ(runs(), "12");
}

TEST_F(SharingTest, a_store_that_is_away_is_left_alone) {
  answers("pull", 69);
  ASSERT_TRUE(build_both());
  EXPECT_EQ(times(asked(3), "cache pull"), 1u);
  EXPECT_EQ(times(warnings(), "left alone for a while: the words of pull"), 1u) << warnings();
}

TEST_F(SharingTest, what_could_not_be_sent_is_said_once_and_sent_after_the_next_build) {
  answers("push", 69);
  ASSERT_TRUE(build_both());
  std::string before = asked(1);
  EXPECT_EQ(times(warnings(), "was not sent"), 1u) << warnings();
  EXPECT_NE(warnings().find("tried again after the next build: the words of push"),
            std::string::npos);
  answers("push", 0);
  put("f/main.x", "changed");
  ASSERT_TRUE(build(function(), runtime_with_step("echo >${output}/x")).ok());
  std::string all = asked(1).substr(before.size());
  EXPECT_EQ(times(all, "cache push"), 3u) << all;
  EXPECT_EQ(times(all, "cache push --key " + last_key(before)), 1u) << all;
}

TEST_F(SharingTest, what_can_never_be_sent_does_not_hold_up_the_others) {
  answers("push", 7);
  ASSERT_TRUE(build_both());
  EXPECT_EQ(times(asked(4), "cache push"), 2u);
  EXPECT_EQ(warnings().find("tried again"), std::string::npos) << warnings();
}

TEST_F(SharingTest, transfers_get_the_credentials_and_builds_do_not) {
  ASSERT_TRUE(build_both());
  asked(4);
  EXPECT_EQ(times(read(root / "secrets"), "s\n"), 4u);
  EXPECT_EQ(read(root / "env").find("AWS_TEST_SECRET"), std::string::npos);
}

TEST_F(SharingTest, a_program_that_there_is_not_fails_no_build) {
  fs::remove(root / "transfer");
  ASSERT_TRUE(build_both());
  EXPECT_NE(warnings().find("left alone for a while"), std::string::npos) << warnings();
}

}  // namespace
}  // namespace trivet::builder
