#include "worker/port.h"

#include <gtest/gtest.h>

#include <chrono>

namespace trivet::worker {
namespace {

// The programs of these tests are lines of /bin/sh that speak ndjson.
struct Lines final : LogSink {
  std::vector<LogLine> all;
  void write(LogLine line) override { all.push_back(std::move(line)); }
};
struct Nobody final : WorkerObserver {
  int frees = 0, ends = 0;
  void on_free() override { ++frees; }
  void on_end() override { ++ends; }
};

class PortTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(launcher.open().ok()); }
  LaunchPlan shell(std::string script) {
    LaunchPlan plan;
    plan.function = "f";
    plan.argv = {"/bin/sh", "-c", std::move(script)};
    plan.env = {"PATH=/usr/bin:/bin"};
    plan.dir = "/";
    plan.entrypoint = "w.sh";
    plan.interface = "ndjson";
    return plan;
  }
  std::unique_ptr<Worker> start(LaunchPlan plan) {
    std::optional<Result<std::unique_ptr<Worker>>> out;
    loop::Scope scope{loop};
    scope.spawn(keep(Port::start({loop, clock, logs, launcher, observer}, std::move(plan)), out));
    while (!out) loop.run_once();
    return *out ? std::move(**out) : nullptr;
  }
  Result<Reply> invoke(Worker& worker, Call& the_call) {
    std::optional<Result<Reply>> out;
    loop::Scope scope{loop};
    scope.spawn(keep(worker.invoke(the_call), out));
    while (!out) loop.run_once();
    return std::move(*out);
  }
  // The error that a call to this program fails with.
  Error failure(std::string script) {
    auto worker = start(shell(std::move(script)));
    auto reply = invoke(*worker, call);
    if (reply.ok()) return {ErrorCode::kInternal, "it answered " + reply->body};
    while (!worker->ended() && !worker->alive()) loop.run_once();
    reason = worker->end_reason();
    return reply.error();
  }
  template <class T>
  static loop::Task<> keep(loop::Task<T> task, std::optional<T>& out) {
    out.emplace(co_await std::move(task));
  }

  loop::Loop loop;
  launcher::Launcher launcher{loop};
  RealClock clock;
  Lines logs;
  Nobody observer;
  Call call;
  EndReason reason = EndReason::kDrained;
};

bool says(const Error& error, std::string_view what) {
  return error.message.find(what) != std::string::npos;
}

TEST_F(PortTest, reply_with_id_reaches_its_caller) {
  auto worker = start(shell(R"(read line; echo "{\"id\":1,\"result\":$line}"; cat)"));
  call.input = "[1, 2.50]";
  auto reply = invoke(*worker, call);
  ASSERT_TRUE(reply.ok()) << reply.error().text();
  EXPECT_EQ(reply->body, R"({"id":1,"module":"w","function":"handle","args":[[1, 2.50]]})");
  EXPECT_EQ(worker->busy(), 0);
  EXPECT_EQ(worker->calls(), 1);
  EXPECT_EQ(observer.frees, 1);
}

TEST_F(PortTest, ids_in_replies_raise_the_capacity_and_their_lack_lowers_it) {
  LaunchPlan plan = shell(
      R"(read line; echo '{"id":1,"result":1}'; read line; echo '{"id":2,"result":1}'; read line; echo '{"result":1}'; cat)");
  plan.concurrency = 5;
  auto worker = start(plan);
  EXPECT_EQ(worker->capacity(), 1);
  ASSERT_TRUE(invoke(*worker, call).ok());
  EXPECT_EQ(worker->capacity(), 5);
  ASSERT_TRUE(invoke(*worker, call).ok());
  ASSERT_TRUE(invoke(*worker, call).ok());
  EXPECT_EQ(worker->capacity(), 1);
}

TEST_F(PortTest, several_calls_in_flight_get_their_own_replies_in_any_order) {
  LaunchPlan plan = shell(
      "read a; read b; echo '{\"id\":2,\"result\":\"two\"}'; echo '{\"id\":1,\"result\":\"one\"}'; "
      "cat");
  auto worker = start(plan);
  std::optional<Result<Reply>> first, second;
  Call other;
  loop::Scope scope{loop};
  scope.spawn(keep(worker->invoke(call), first));
  scope.spawn(keep(worker->invoke(other), second));
  while (!first || !second) loop.run_once();
  ASSERT_TRUE(first->ok() && second->ok());
  EXPECT_EQ((**first).body, "\"one\"");
  EXPECT_EQ((**second).body, "\"two\"");
}

TEST_F(PortTest, error_replies_are_the_functions) {
  Error error = failure(
      R"(read line; echo '{"id":1,"error":{"message":"boom","type":"T","code":7,"stack":"at x"}}'; cat)");
  EXPECT_EQ(error.code, ErrorCode::kFunctionError);
  EXPECT_EQ(error.message, "boom");
  std::vector<std::pair<std::string, std::string>> details{
      {"function_code", "7"}, {"error_type", "T"}, {"stack", "at x"}};
  EXPECT_EQ(error.details, details);
}

TEST_F(PortTest, garbage_ends_the_worker_with_its_place) {
  struct Row {
    std::string_view script, says;
  };
  const Row table[] = {
      {"read l; printf '\\n\\nhello\\n'; cat", "the message at byte 2 of its stdout, 5 bytes long"},
      {"read l; echo '{}'; cat", "neither \"result\" nor \"error\""},
      {"read l; echo '{\"id\":9,\"result\":1}'; cat", "for call 9, which was not made"},
      {"read l; echo '{\"id\":0,\"result\":1}'; cat", "for call 0, which was not made"}};
  for (const auto& row : table) {
    Error error = failure(std::string{row.script});
    EXPECT_EQ(error.code, ErrorCode::kInvalidOutput) << row.script;
    EXPECT_TRUE(says(error, row.says)) << error.message;
    EXPECT_EQ(reason, EndReason::kProtocol);
  }
}

TEST_F(PortTest, a_message_over_the_payload_limit_is_refused) {
  LaunchPlan plan = shell("read l; head -c 100000 /dev/zero | tr '\\0' x; cat");
  plan.payload_bytes = 1000;
  auto worker = start(plan);
  auto reply = invoke(*worker, call);
  ASSERT_FALSE(reply.ok());
  EXPECT_TRUE(says(reply.error(), "over the limit of 5096 bytes")) << reply.error().message;
}

TEST_F(PortTest, a_second_reply_is_dropped_when_it_has_an_id) {
  auto worker = start(shell(
      R"(read l; echo '{"id":1,"result":1}'; echo '{"id":1,"result":9}'; read l; echo '{"id":2,"result":2}'; cat)"));
  ASSERT_TRUE(invoke(*worker, call).ok());
  auto second = invoke(*worker, call);
  ASSERT_TRUE(second.ok()) << second.error().text();
  EXPECT_EQ(second->body, "2");
}

TEST_F(PortTest, a_reply_without_id_while_nothing_is_in_flight_is_garbage) {
  auto worker = start(shell("read l; echo '{\"result\":1}'; echo '{\"result\":9}'; cat"));
  ASSERT_TRUE(invoke(*worker, call).ok());
  while (!worker->ended()) loop.run_once();
  EXPECT_EQ(worker->end_reason(), EndReason::kProtocol);
}

TEST_F(PortTest, exit_during_a_call_is_a_crash_with_code_and_stderr) {
  Error error = failure("read l; echo oh no >&2; exit 3");
  EXPECT_EQ(error.code, ErrorCode::kFunctionCrashed);
  EXPECT_TRUE(says(error, "exit code 3 before it had answered a call")) << error.message;
  std::vector<std::pair<std::string, std::string>> details{{"exit_code", "3"},
                                                           {"stderr", "oh no\n"}};
  EXPECT_EQ(error.details, details);
  EXPECT_EQ(reason, EndReason::kCrashed);
  EXPECT_EQ(observer.ends, 1);
}

TEST_F(PortTest, half_a_message_then_exit_is_a_crash) {
  Error error = failure("read l; printf '{\"id\":1,'; exit 0");
  EXPECT_EQ(error.code, ErrorCode::kFunctionCrashed);
  EXPECT_TRUE(says(error, "its last message was incomplete")) << error.message;
}

TEST_F(PortTest, a_worker_that_closes_its_stdout_and_stays_is_ended) {
  Error error = failure("read l; exec >&-; sleep 1000");
  EXPECT_EQ(error.code, ErrorCode::kFunctionCrashed);
  EXPECT_TRUE(says(error, "it had closed its stdout")) << error.message;
  EXPECT_EQ(reason, EndReason::kCrashed);
}

TEST_F(PortTest, deadline_kills_the_worker_and_names_it_to_the_other_calls) {
  auto worker = start(shell("echo tired >&2; sleep 1000 & sleep 1000"));
  std::optional<Result<Reply>> late, other;
  Call patient;
  call.deadline = loop.now() + 50ms;
  loop::Scope scope{loop};
  scope.spawn(keep(worker->invoke(call), late));
  scope.spawn(keep(worker->invoke(patient), other));
  while (!late || !other) loop.run_once();
  EXPECT_EQ(late->error().code, ErrorCode::kFunctionTimeout);
  EXPECT_EQ(other->error().code, ErrorCode::kFunctionCrashed);
  EXPECT_TRUE(says(other->error(), "another call on it passed its deadline"));
  EXPECT_EQ(worker->end_reason(), EndReason::kTimeout);
}

TEST_F(PortTest, a_call_that_is_dropped_keeps_the_worker_busy_until_it_answers) {
  auto worker =
      start(shell("read l; read l; echo '{\"id\":1,\"result\":1}'; echo "
                  "'{\"id\":2,\"result\":2}'; cat"));
  std::optional<Result<Reply>> dropped;
  {
    loop::Scope scope{loop};
    scope.spawn(keep(worker->invoke(call), dropped));
    while (worker->busy() == 0) loop.run_once();
  }
  EXPECT_EQ(worker->busy(), 1);
  Call next;
  auto reply = invoke(*worker, next);
  ASSERT_TRUE(reply.ok());
  EXPECT_EQ(reply->body, "2");
  EXPECT_EQ(worker->busy(), 0);
  EXPECT_FALSE(dropped);
}

TEST_F(PortTest, a_call_that_is_dropped_and_hangs_is_ended_at_its_deadline) {
  auto worker = start(shell("sleep 1000"));
  std::optional<Result<Reply>> dropped;
  call.deadline = loop.now() + 50ms;
  {
    loop::Scope scope{loop};
    scope.spawn(keep(worker->invoke(call), dropped));
    while (worker->busy() == 0) loop.run_once();
  }
  while (!worker->ended()) loop.run_once();
  EXPECT_EQ(worker->end_reason(), EndReason::kTimeout);
}

TEST_F(PortTest, stop_waits_for_the_call_closes_stdin_and_names_its_reason) {
  auto worker = start(shell("read l; echo '{\"id\":1,\"result\":1}'; cat; echo bye >&2"));
  std::optional<Result<Reply>> reply;
  loop::Scope scope{loop};
  scope.spawn(keep(worker->invoke(call), reply));
  while (worker->busy() == 0) loop.run_once();
  worker->stop(EndReason::kIdle);
  EXPECT_FALSE(worker->alive());
  while (!worker->ended()) loop.run_once();
  ASSERT_TRUE(reply && reply->ok());
  EXPECT_EQ(worker->end_reason(), EndReason::kIdle);
  EXPECT_EQ(logs.all.back().message, "bye");
}

TEST_F(PortTest, stderr_before_a_reply_belongs_to_the_call) {
  auto worker = start(shell("read l; echo said >&2; echo '{\"id\":1,\"result\":1}'; cat"));
  call.id = "c1";
  ASSERT_TRUE(invoke(*worker, call).ok());
  ASSERT_EQ(logs.all.size(), 1u);
  EXPECT_EQ(logs.all[0].message, "said");
  EXPECT_EQ(logs.all[0].call_id, "c1");
}

TEST_F(PortTest, a_body_that_is_not_json_never_reaches_the_worker) {
  auto worker = start(shell("cat"));
  call.input = "{oops";
  auto reply = invoke(*worker, call);
  ASSERT_FALSE(reply.ok());
  EXPECT_EQ(reply.error().code, ErrorCode::kInvalidInput);
  EXPECT_TRUE(worker->alive());
  EXPECT_EQ(worker->busy(), 0);
}

TEST_F(PortTest, a_program_that_does_not_exist_is_said_by_name) {
  auto plan = shell("");
  plan.argv = {"/nowhere/x"};
  auto worker = start(plan);
  auto reply = invoke(*worker, call);
  ASSERT_FALSE(reply.ok());
  EXPECT_EQ(reply.error().code, ErrorCode::kIo);
  EXPECT_TRUE(says(reply.error(), "/nowhere/x")) << reply.error().message;
  EXPECT_NE(reply.error().hint.find("interpreter"), std::string::npos);
}

}  // namespace
}  // namespace trivet::worker
