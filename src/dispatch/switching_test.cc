// Versions that take each other's place, with workers of the simulator and a clock that stands.
#include <gtest/gtest.h>

#include <map>

#include "dispatch/sim_world_test.h"

namespace trivet::sim {
namespace {

using worker::EndReason;

struct Version {
  std::string name;
  Faults faults{};
  Duration build{};
  bool no_build = false;
};

class Switching : public testing::Test, private pool::Factories {
 protected:
  Switching()
      : loop_(start_clock()),
        stage_{loop_, dice_},
        builder_({loop_, clock_, logs_, blocking(), launcher_}, "/nonexistent"),
        tokens_(clock_),
        budget_({}),
        dispatcher_({loop_, clock_, logs_, stats_, builder_, tokens_, launcher_, budget_, this}),
        scope_(loop_) {
    runtime_->name = "fake";
    runtime_->binary = "/nonexistent";
  }
  ~Switching() override {
    scope_.cancel();
    EXPECT_EQ(stage_.violation, "");
  }

  const Clock& start_clock() {
    clock_.advance(1h);
    return clock_;
  }

  // Version `version` of the function "f"; nothing when it is removed.
  void deploy(std::optional<Version> version) {
    auto snapshot = std::make_shared<catalog::Snapshot>();
    snapshot->runtimes["fake"] = runtime_;
    if (version) {
      catalog::FunctionSpec spec;
      spec.name = "f";
      spec.runtime = "fake";
      spec.interface = "json";
      spec.version = version->name;
      spec.limits.timeout = 100ms;
      spec.limits.start_timeout = 100ms;
      versions_[version->name] = *version;
      snapshot->functions["f"] = std::make_shared<const catalog::FunctionSpec>(spec);
    }
    dispatcher_.adopt(std::move(snapshot));
    loop_.run_until_quiet();
  }

  // A call of "f": its answer is there once it has one. "" while it waits.
  std::shared_ptr<std::string> call() {
    auto answer = std::make_shared<std::string>();
    scope_.spawn(invoke(answer));
    loop_.run_until_quiet();
    return answer;
  }
  loop::Task<> invoke(std::shared_ptr<std::string> answer) {
    worker::Call call;
    call.function = "f";
    call.input = std::to_string(++calls_);
    std::string expected = "answer to " + call.input;
    auto reply = co_await dispatcher_.invoke(std::move(call));
    *answer = !reply                    ? std::string{traits(reply.error().code).name}
              : reply->body == expected ? "ok"
                                        : "the answer of another: " + reply->body;
  }
  std::string answer_now() {
    auto answer = call();
    pass(50ms);
    return *answer;
  }

  void pass(Duration time) {
    Instant end = clock_.now() + time;
    while (loop_.next_timer() <= end) {
      if (loop_.next_timer() > clock_.now()) clock_.advance(loop_.next_timer() - clock_.now());
      loop_.run_until_quiet();
    }
    clock_.advance(end - clock_.now());
    loop_.run_until_quiet();
  }

  // The versions that have a pool: those that stop in brackets.
  std::string pools() {
    std::string text;
    for (const auto& row : dispatcher_.pools()) {
      if (!text.empty()) text += ' ';
      text += row.retiring ? "(" + row.version + ")" : row.version;
    }
    return text;
  }
  bool is_switched() {
    bool done = false;
    scope_.spawn(wait_switched(&done));
    loop_.run_until_quiet();
    return done;
  }
  loop::Task<> wait_switched(bool* done) { *done = co_await dispatcher_.switched(clock_.now()); }

  // In use: one worker, that is idle.
  void serve(const char* name) {
    deploy(Version{name});
    EXPECT_EQ(answer_now(), "ok");
    EXPECT_EQ(pools(), name);
  }
  static Version slow_start(const char* name) {
    Version version{name};
    version.faults.slow_start = 1000;
    return version;
  }
  static Version slow_build(const char* name, Duration time) {
    Version version{name};
    version.build = time;
    return version;
  }

  std::unique_ptr<pool::WorkerFactory> make(const catalog::FunctionSpec& spec) override {
    return std::make_unique<FakeFactory>(stage_, versions_.at(spec.version).faults, 1,
                                         spec.limits.start_timeout);
  }
  loop::Task<Status> build(const catalog::FunctionSpec& spec) override {
    Version version = versions_.at(spec.version);
    ++builds_[version.name];
    if (version.build > Duration::zero()) co_await loop_.sleep(version.build);
    if (version.no_build) co_return Error{ErrorCode::kBuildFailed, "it does not compile"};
    co_return Status{};
  }

  Dice dice_{1};
  FakeClock clock_;
  loop::Loop loop_;
  Stage stage_;
  NoLogs logs_;
  telemetry::Stats stats_;
  launcher::Launcher launcher_{loop_};
  builder::Builder builder_;
  dispatch::Tokens tokens_;
  pool::Budget budget_;
  dispatch::Dispatcher dispatcher_;
  std::shared_ptr<catalog::RuntimeSpec> runtime_ = std::make_shared<catalog::RuntimeSpec>();
  std::map<std::string, Version> versions_;
  std::map<std::string, int> builds_;
  int calls_ = 0;
  loop::Scope scope_;
};

TEST_F(Switching, the_old_answers_until_the_new_has_a_worker) {
  serve("1");
  deploy(slow_build("2", 200ms));
  EXPECT_FALSE(is_switched());
  EXPECT_EQ(answer_now(), "ok");  // at once: nobody waits for the build
  EXPECT_EQ(pools(), "1");
  pass(300ms);
  EXPECT_TRUE(is_switched());
  EXPECT_EQ(pools(), "2");
  EXPECT_EQ(dispatcher_.worker_ends()[static_cast<size_t>(EndReason::kReplaced)], 1);
  EXPECT_EQ(dispatcher_.workers().size(), 1u);  // that the new one's first call finds
}

TEST_F(Switching, a_call_in_flight_ends_on_its_own_version) {
  Version first{"1"};
  first.faults.run = 90ms;
  deploy(first);
  answer_now();
  pass(100ms);
  std::vector<std::shared_ptr<std::string>> answers;
  for (int i = 0; i < 5; ++i) answers.push_back(call());
  deploy(Version{"2"});
  pass(500ms);
  for (auto& answer : answers) EXPECT_EQ(*answer, "ok");
  EXPECT_EQ(pools(), "2");
}

TEST_F(Switching, a_version_that_does_not_start_is_shown) {
  serve("1");
  Version broken{"2"};
  broken.faults.no_start = 1000;
  broken.faults.start = 50ms;
  deploy(broken);
  EXPECT_EQ(pools(), "1 2");
  pass(100ms);
  EXPECT_EQ(answer_now(), "ok");  // somebody may be about to write the rest of it
  pass(limits::kSecondThought);
  EXPECT_TRUE(is_switched());
  EXPECT_EQ(pools(), "2");
  EXPECT_NE(answer_now(), "ok");
}

TEST_F(Switching, of_a_version_that_was_half_written_nobody_hears) {
  serve("1");
  Version half{"2"};
  half.faults.no_start = 1000;
  deploy(half);
  pass(100ms);
  deploy(Version{"3"});
  pass(2 * limits::kSecondThought);
  EXPECT_TRUE(is_switched());
  EXPECT_EQ(pools(), "3");
  EXPECT_EQ(answer_now(), "ok");
}

TEST_F(Switching, a_version_that_cannot_be_built_is_shown) {
  serve("1");
  Version broken = slow_build("2", 50ms);
  broken.no_build = true;
  deploy(broken);
  EXPECT_EQ(answer_now(), "ok");
  pass(50ms);
  EXPECT_EQ(answer_now(), "ok");
  pass(limits::kSecondThought);
  EXPECT_TRUE(is_switched());
  EXPECT_EQ(answer_now(), "BUILD_FAILED");
}

TEST_F(Switching, a_change_taken_back_changes_nothing) {
  serve("1");
  int pid = dispatcher_.workers()[0].view.pid;
  deploy(slow_build("2", 50ms));
  deploy(Version{"1"});
  EXPECT_TRUE(is_switched());
  pass(200ms);
  EXPECT_EQ(pools(), "1");
  ASSERT_EQ(dispatcher_.workers().size(), 1u);
  EXPECT_EQ(dispatcher_.workers()[0].view.pid, pid);
}

TEST_F(Switching, of_changes_in_quick_succession_the_last_counts) {
  serve("1");
  for (const char* name : {"2", "3", "4", "5"}) {
    deploy(slow_build(name, 40ms));
    answer_now();
    deploy(slow_start(name));
  }
  deploy(slow_build("6", 40ms));
  EXPECT_EQ(answer_now(), "ok");
  pass(500ms);
  EXPECT_TRUE(is_switched());
  EXPECT_EQ(pools(), "6");
  EXPECT_EQ(answer_now(), "ok");
}

TEST_F(Switching, one_that_is_removed_while_it_is_switched_is_gone) {
  serve("1");
  deploy(slow_build("2", 50ms));
  deploy({});
  EXPECT_TRUE(is_switched());
  EXPECT_EQ(answer_now(), "FUNCTION_NOT_FOUND");
  pass(200ms);
  EXPECT_EQ(pools(), "");
  EXPECT_EQ(stage_.processes, 0);
}

TEST_F(Switching, one_that_nobody_uses_is_not_warmed) {
  deploy(Version{"1"});
  deploy(Version{"2"});
  pass(100ms);
  EXPECT_EQ(pools(), "");
  EXPECT_EQ(builds_.size(), 0u);
}

TEST_F(Switching, who_waits_for_the_build_of_a_replaced_version_begins_again_with_the_next) {
  deploy(slow_build("1", 100ms));
  auto answer = call();
  pass(50ms);
  deploy(slow_build("2", 100ms));
  pass(170ms);
  EXPECT_EQ(*answer, "ok");
  EXPECT_EQ(builds_["2"], 1);
}

// Its whole wait has one end, however often it begins again: the time that it could have waited
// for a worker (200 ms here), the build that this ends in, and the call.
TEST_F(Switching, who_is_replaced_again_and_again_is_told_so) {
  deploy(slow_build("0", 100ms));
  auto answer = call();
  int number = 0;
  Instant begin = clock_.now();
  while (answer->empty() && clock_.now() < begin + 10s) {
    pass(50ms);
    deploy(slow_build(std::to_string(++number).c_str(), 100ms));
    pass(50ms);
  }
  EXPECT_EQ(*answer, "UNAVAILABLE");
  EXPECT_LE(clock_.now() - begin, 400ms);
  EXPECT_GE(clock_.now() - begin, 200ms);
}

// A long build is no reason to lose a call: it begins again once whatever the time.
TEST_F(Switching, one_replacement_is_always_borne) {
  deploy(slow_build("1", 5s));
  auto answer = call();
  pass(1s);
  deploy(Version{"2"});
  pass(5s);
  EXPECT_EQ(*answer, "ok");
}

}  // namespace
}  // namespace trivet::sim
