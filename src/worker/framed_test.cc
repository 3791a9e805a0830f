#include "worker/framed.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "loop/scope.h"

namespace trivet::worker {
namespace {

// The workers of these tests are lines of /bin/sh: dd takes a frame, printf gives one.
struct Lines final : LogSink {
  std::vector<LogLine> all;
  void write(LogLine line) override { all.push_back(std::move(line)); }
};
struct Nobody final : WorkerObserver {
  int frees = 0, ends = 0;
  void on_free() override { ++frees; }
  void on_end() override { ++ends; }
};

class FramedTest : public ::testing::Test {
 protected:
  LaunchPlan shell(std::string script) {
    LaunchPlan plan;
    plan.function = "f";
    plan.argv = {"/bin/sh", "-c", std::move(script)};
    plan.env = {"PATH=/usr/bin:/bin"};
    plan.dir = "/";
    plan.start_timeout = 5s;
    return plan;
  }
  Result<std::unique_ptr<Worker>> start(LaunchPlan plan) {
    std::optional<Result<std::unique_ptr<Framed>>> out;
    loop::Scope scope{loop};
    scope.spawn(keep(Framed::start({loop, clock, logs, launcher, observer}, std::move(plan)), out));
    while (!out) loop.run_once();
    if (!*out) return std::move(*out).error();
    return std::unique_ptr<Worker>{std::move(**out)};
  }
  Result<Reply> invoke(Worker& worker, Call& the_call) {
    std::optional<Result<Reply>> out;
    loop::Scope scope{loop};
    scope.spawn(keep(worker.invoke(the_call), out));
    while (!out) loop.run_once();
    return std::move(*out);
  }
  template <class T>
  static loop::Task<> keep(loop::Task<T> task, std::optional<T>& out) {
    out.emplace(co_await std::move(task));
  }
  // READY, then the reply `body` to call 1, then whatever comes.
  static std::string replying(const std::string& body,
                              const std::string& then = "cat <&3 >/dev/null") {
    std::string length = octal(12 + body.size());
    return kReady + kTake + "printf '\\000\\000\\000" + length +
           "\\103\\000\\000\\000\\000\\000\\000\\001\\000\\000\\000\\000" + body + "' >&4; " + then;
  }
  static std::string octal(size_t n) {
    char text[8];
    std::snprintf(text, sizeof text, "\\%03zo", n);
    return text;
  }
  // One frame that the host sends in one write, in one read.
  inline static const std::string kTake = "dd bs=65536 count=1 <&3 >/dev/null 2>&1; ";
  // Takes LOAD and says READY.
  inline static const std::string kReady =
      kTake +
      "printf '\\000\\000\\000\\014\\102\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000' "
      ">&4; ";

  void SetUp() override { ASSERT_TRUE(launcher.open().ok()); }

  loop::Loop loop;
  launcher::Launcher launcher{loop};
  RealClock clock;
  Lines logs;
  Nobody observer;
  Call call;
};

TEST_F(FramedTest, reply_reaches_its_caller) {
  auto worker = start(shell(replying("hello")));
  ASSERT_TRUE(worker.ok()) << worker.error().text();
  auto reply = invoke(**worker, call);
  ASSERT_TRUE(reply.ok()) << reply.error().text();
  EXPECT_EQ(reply->body, "hello");
  EXPECT_EQ((*worker)->busy(), 0);
}

TEST_F(FramedTest, exit_during_a_call_is_a_crash_with_code_and_stderr) {
  auto worker = start(shell(kReady + kTake + "echo oh no >&2; exit 3"));
  ASSERT_TRUE(worker.ok());
  auto reply = invoke(**worker, call);
  ASSERT_FALSE(reply.ok());
  EXPECT_EQ(reply.error().code, ErrorCode::kFunctionCrashed);
  ASSERT_EQ(reply.error().details.size(), 2u);
  EXPECT_EQ(reply.error().details[0], (std::pair<std::string, std::string>{"exit_code", "3"}));
  EXPECT_EQ(reply.error().details[1].second, "oh no\n");
  EXPECT_EQ((*worker)->end_reason(), EndReason::kCrashed);
  EXPECT_EQ(observer.ends, 1);
}

TEST_F(FramedTest, deadline_kills_a_worker_that_cannot_be_cancelled) {
  auto worker = start(shell(kReady + "sleep 1000 & sleep 1000"));
  ASSERT_TRUE(worker.ok());
  call.deadline = loop.now() + 20ms;
  auto reply = invoke(**worker, call);
  ASSERT_FALSE(reply.ok());
  EXPECT_EQ(reply.error().code, ErrorCode::kFunctionTimeout);
  while (!(*worker)->ended()) loop.run_once();
  EXPECT_EQ((*worker)->end_reason(), EndReason::kTimeout);
}

TEST_F(FramedTest, garbage_ends_the_worker_and_says_what_it_was) {
  auto worker = start(shell(kReady + kTake + "printf 'GARBAGE GARBAGE GARBAGE' >&4; sleep 1000"));
  ASSERT_TRUE(worker.ok());
  auto reply = invoke(**worker, call);
  ASSERT_FALSE(reply.ok());
  EXPECT_EQ(reply.error().code, ErrorCode::kInvalidOutput);
  EXPECT_NE(reply.error().message.find("over the limit"), std::string::npos)
      << reply.error().message;
}

TEST_F(FramedTest, half_a_frame_then_death_is_a_crash) {
  auto worker =
      start(shell(kReady + kTake + "printf '\\000\\000\\000\\024\\103\\000\\000' >&4; exit 0"));
  ASSERT_TRUE(worker.ok());
  auto reply = invoke(**worker, call);
  ASSERT_FALSE(reply.ok());
  EXPECT_EQ(reply.error().code, ErrorCode::kFunctionCrashed);
  EXPECT_NE(reply.error().message.find("incomplete"), std::string::npos) << reply.error().message;
}

TEST_F(FramedTest, reply_for_a_call_never_made_is_garbage) {
  auto worker = start(shell(
      kReady + kTake +
      "printf '\\000\\000\\000\\014\\103\\000\\000\\000\\000\\000\\000\\143\\000\\000\\000\\000' "
      ">&4; sleep 1000"));
  ASSERT_TRUE(worker.ok());
  auto reply = invoke(**worker, call);
  ASSERT_FALSE(reply.ok());
  EXPECT_NE(reply.error().message.find("unknown call 99"), std::string::npos)
      << reply.error().message;
}

TEST_F(FramedTest, end_before_ready_is_a_load_failure_with_stderr) {
  auto worker = start(shell("echo no such module >&2; exit 1"));
  ASSERT_FALSE(worker.ok());
  EXPECT_EQ(worker.error().code, ErrorCode::kLoadFailed);
  EXPECT_EQ(worker.error().details.back().second, "no such module\n");
}

TEST_F(FramedTest, silence_before_ready_ends_at_the_start_timeout) {
  auto plan = shell("sleep 1000");
  plan.start_timeout = 20ms;
  auto worker = start(plan);
  ASSERT_FALSE(worker.ok());
  EXPECT_NE(worker.error().message.find("not ready after 20 ms"), std::string::npos)
      << worker.error().message;
}

TEST_F(FramedTest, a_program_that_does_not_exist_is_said_by_name) {
  auto plan = shell("");
  plan.argv = {"/nowhere/x"};
  auto worker = start(plan);
  ASSERT_FALSE(worker.ok());
  EXPECT_NE(worker.error().message.find("/nowhere/x"), std::string::npos);
}

TEST_F(FramedTest, stop_drains_and_names_its_reason) {
  auto worker = start(shell(kReady + kTake));
  ASSERT_TRUE(worker.ok());
  (*worker)->stop(EndReason::kIdle);
  EXPECT_FALSE((*worker)->alive());
  while (!(*worker)->ended()) loop.run_once();
  EXPECT_EQ((*worker)->end_reason(), EndReason::kIdle);
}

TEST_F(FramedTest, lines_printed_before_the_reply_belong_to_the_call) {
  auto worker = start(shell(
      kReady + kTake +
      "echo said; "
      "printf '\\000\\000\\000\\014\\103\\000\\000\\000\\000\\000\\000\\001\\000\\000\\000\\000' "
      ">&4; sleep 1000"));
  ASSERT_TRUE(worker.ok());
  call.id = "c1";
  auto reply = invoke(**worker, call);
  ASSERT_TRUE(reply.ok());
  ASSERT_EQ(logs.all.size(), 1u);
  EXPECT_EQ(logs.all[0].message, "said");
  EXPECT_EQ(logs.all[0].call_id, "c1");
}

}  // namespace
}  // namespace trivet::worker
