#include <gtest/gtest.h>

#include "loop/scope.h"
#include "wire/json.h"
#include "worker/framed.h"

namespace trivet::worker {
namespace {

using wire::FrameType;

struct Lines final : LogSink {
  std::string said;
  void write(LogLine line) override { said += line.message; }
};
struct Nobody final : WorkerObserver {
  void on_free() override {}
  void on_end() override {}
};

// A host whose other functions do what the test says.
struct Others final : HostServices {
  explicit Others(loop::Loop& l) : loop(l), released(l) {}
  loop::Task<Result<Reply>> invoke(Call call) override {
    struct Dropped {
      int& open;
      ~Dropped() { --open; }
    } counted{++open};
    asked.push_back(std::move(call));
    if (waits) co_await released.wait();
    if (failure) co_return *failure;
    Reply copy;
    copy.status = status;
    copy.body = body;
    co_return copy;
  }
  loop::Loop& loop;
  loop::Event released;
  bool waits = false;
  int open = 0, status = 200;
  std::string body = "\"out\"";
  std::optional<Error> failure;
  std::vector<Call> asked;
};

// The workers of these tests are lines of /bin/sh: dd takes a frame, printf gives one.
class FramedAsksTest : public ::testing::Test {
 protected:
  static std::string give(FrameType type, uint32_t id, std::string_view meta,
                          std::string_view body = {}) {
    std::string frame, text;
    wire::append_frame(frame, type, id, meta, body);
    for (unsigned char byte : frame) {
      char octal[8];
      std::snprintf(octal, sizeof octal, "\\%03o", byte);
      text += octal;
    }
    return "printf '" + text + "' >&4; ";
  }
  static std::string ask(std::string_view meta, std::string_view body = "\"in\"") {
    return give(FrameType::kAsk, 1, meta, body);
  }
  inline static const std::string kTake = "dd bs=65536 count=1 <&3 >/dev/null 2>&1; ";
  inline static const std::string kStay = "cat <&3 >/dev/null";
  inline static const std::string kPlain = R"({"ask":7,"service":"call","function":"other"})";
  // Prints the next frame that comes, without its header, on stderr and crashes: so it is in the
  // call's error.
  inline static const std::string kTell =
      "dd bs=65536 count=1 <&3 2>/dev/null | tail -c +17 >&2; exit 1";

  void start(const std::string& script, size_t payload = limits::kPayloadDefault) {
    LaunchPlan plan;
    plan.function = "f";
    plan.argv = {"/bin/sh", "-c", kTake + give(FrameType::kReady, 0, {}) + kTake + script};
    plan.env = {"PATH=/usr/bin:/bin"};
    plan.dir = "/";
    plan.start_timeout = 5s;
    plan.payload_bytes = payload;
    std::optional<Result<std::unique_ptr<Framed>>> out;
    loop::Scope scope{loop};
    Surroundings around{loop, clock, logs, launcher, observer, &others};
    scope.spawn(keep(Framed::start(around, std::move(plan)), out));
    while (!out) loop.run_once();
    ASSERT_TRUE(out->ok()) << out->error().text();
    worker = std::move(**out);
  }
  Result<Reply> invoke() {
    std::optional<Result<Reply>> out;
    loop::Scope scope{loop};
    scope.spawn(keep(worker->invoke(call), out));
    while (!out) loop.run_once();
    return std::move(*out);
  }
  // The ANSWER to `request`: its meta, and its body behind.
  std::string answer_to(const std::string& request) {
    start(request + kTell);
    auto reply = invoke();
    if (reply || reply.error().code != ErrorCode::kFunctionCrashed) return "no crash";
    for (const auto& [key, value] : reply.error().details)
      if (key == "stderr") return value;
    return "no stderr: " + reply.error().text();
  }
  std::string garbage_of(const std::string& request) {
    start(request + "sleep 1000");
    auto reply = invoke();
    return reply ? "a reply" : reply.error().message;
  }
  template <class T>
  static loop::Task<> keep(loop::Task<T> task, std::optional<T>& out) {
    out.emplace(co_await std::move(task));
  }

  void SetUp() override { ASSERT_TRUE(launcher.open().ok()); }

  loop::Loop loop;
  launcher::Launcher launcher{loop};
  RealClock clock;
  Lines logs;
  Nobody observer;
  Others others{loop};
  std::unique_ptr<Worker> worker;
  Call call;
};

TEST_F(FramedAsksTest, answer_has_the_number_and_what_the_other_function_returned) {
  EXPECT_EQ(answer_to(ask(kPlain)), R"({"ask":7,"ok":true}"out")");
  ASSERT_EQ(others.asked.size(), 1u);
  EXPECT_EQ(others.asked[0].function, "other");
  EXPECT_EQ(others.asked[0].input, "\"in\"");
}

TEST_F(FramedAsksTest, call_inherits_who_calls_and_the_deadline_and_names_its_parent) {
  call.id = "outer";
  call.auth = R"({"user":"ada"})";
  call.depth = 3;
  call.deadline = loop.now() + 5s;
  answer_to(ask(kPlain));
  const Call& asked = others.asked.at(0);
  EXPECT_EQ(asked.parent, "outer");
  EXPECT_EQ(asked.parent_name, "f");
  EXPECT_EQ(asked.auth, call.auth);
  EXPECT_EQ(asked.depth, 4);
  EXPECT_EQ(asked.latest, call.deadline);
  EXPECT_EQ(asked.id, "");
}

TEST_F(FramedAsksTest, timeout_of_its_own_counts_when_it_is_sooner) {
  call.deadline = loop.now() + 500s;
  answer_to(ask(R"({"ask":1,"service":"call","function":"o","timeout_ms":1000})"));
  EXPECT_LT(others.asked.at(0).latest, call.deadline);
  others.asked.clear();
  answer_to(ask(R"({"ask":1,"service":"call","function":"o","timeout_ms":3600000})"));
  EXPECT_EQ(others.asked.at(0).latest, call.deadline);
}

TEST_F(FramedAsksTest, failure_is_told_with_its_facts) {
  others.failure = Error{ErrorCode::kFunctionCrashed, "it died", "look"}.with("exit_code", "3");
  EXPECT_EQ(answer_to(ask(kPlain)),
            R"({"ask":7,"ok":false,"error":{"code":"FUNCTION_CRASHED","message":"it died",)"
            R"("function":"other","hint":"look","exit_code":"3"}})");
}

TEST_F(FramedAsksTest, status_of_400_is_a_failure_that_keeps_its_body) {
  others.status = 404;
  EXPECT_EQ(answer_to(ask(kPlain)),
            R"({"ask":7,"ok":false,"error":{"code":"FUNCTION_ERROR","message":)"
            R"("other answered with status 404","function":"other","status":404}}"out")");
}

TEST_F(FramedAsksTest, answer_over_the_payload_limit_is_refused) {
  others.body = std::string(2000, 'x');
  start(ask(kPlain) + kTell, 1000);
  auto reply = invoke();
  ASSERT_FALSE(reply.ok());
  EXPECT_NE(reply.error().details.back().second.find("PAYLOAD_TOO_LARGE"), std::string::npos);
}

TEST_F(FramedAsksTest, service_that_is_not_there_is_said) {
  auto said = answer_to(ask(R"({"ask":7,"service":"fly","function":"other"})"));
  EXPECT_NE(said.find(R"("code":"NOT_SUPPORTED")"), std::string::npos) << said;
  EXPECT_TRUE(others.asked.empty());
}

TEST_F(FramedAsksTest, ask_that_is_none_is_garbage) {
  EXPECT_NE(garbage_of(ask("[1]")).find("ASK without a JSON object"), std::string::npos);
  EXPECT_NE(garbage_of(ask("{}")).find("ASK without a number"), std::string::npos);
  EXPECT_NE(garbage_of(give(FrameType::kAsk, 99, kPlain)).find("unknown call 99"),
            std::string::npos);
  EXPECT_NE(garbage_of(give(FrameType::kAsk, 0, kPlain)).find("unknown call 0"), std::string::npos);
  others.waits = true;
  EXPECT_NE(garbage_of(ask(kPlain) + ask(kPlain)).find("a second ASK 7"), std::string::npos);
  EXPECT_EQ(others.open, 0);
}

TEST_F(FramedAsksTest, call_that_has_ended_is_told_so) {
  start(give(FrameType::kReply, 1, {}) + ask(kPlain) + kTell);
  auto reply = invoke();
  ASSERT_TRUE(reply.ok()) << reply.error().text();
  while (!worker->ended()) loop.run_once();
  EXPECT_TRUE(others.asked.empty());
  EXPECT_NE(logs.said.find(R"("code":"CANCELLED")"), std::string::npos) << logs.said;
}

TEST_F(FramedAsksTest, reply_ends_the_calls_that_it_did_not_wait_for) {
  others.waits = true;
  start(ask(kPlain) + give(FrameType::kReply, 1, {}) + kStay);
  ASSERT_TRUE(invoke().ok());
  EXPECT_EQ(others.asked.size(), 1u);
  EXPECT_EQ(others.open, 0);
}

TEST_F(FramedAsksTest, end_of_the_worker_ends_its_calls) {
  others.waits = true;
  start(ask(kPlain) + "exit 3");
  auto reply = invoke();
  ASSERT_FALSE(reply.ok());
  EXPECT_EQ(reply.error().code, ErrorCode::kFunctionCrashed);
  EXPECT_EQ(others.asked.size(), 1u);
  EXPECT_EQ(others.open, 0);
}

TEST_F(FramedAsksTest, worker_that_goes_away_drops_its_calls) {
  others.waits = true;
  start(ask(kPlain) + kStay);
  loop::Scope scope{loop};
  std::optional<Result<Reply>> out;
  scope.spawn(keep(worker->invoke(call), out));
  while (others.open == 0) loop.run_once();
  worker.reset();
  EXPECT_EQ(others.open, 0);
}

// This worker does not hear CANCEL while it works, but whoever waits for an ANSWER reads.
TEST_F(FramedAsksTest, deadline_ends_the_call_with_its_calls_and_is_heard) {
  others.waits = true;
  start(ask(kPlain) + kTake +
        give(FrameType::kError, 1, R"({"code":"CANCELLED","message":"heard"})") + kStay);
  call.deadline = loop.now() + 20ms;
  auto reply = invoke();
  ASSERT_FALSE(reply.ok());
  EXPECT_EQ(reply.error().code, ErrorCode::kFunctionTimeout);
  EXPECT_NE(reply.error().message.find("waiting for its call of other"), std::string::npos)
      << reply.error().message;
  EXPECT_EQ(others.open, 0);
  while (worker->busy() > 0) loop.run_once();
  EXPECT_TRUE(worker->alive());
}

TEST_F(FramedAsksTest, dropped_call_drops_its_calls) {
  others.waits = true;
  start(ask(kPlain) + kStay);
  call.deadline = loop.now() + 5s;
  {
    loop::Scope scope{loop};
    std::optional<Result<Reply>> out;
    scope.spawn(keep(worker->invoke(call), out));
    while (others.open == 0) loop.run_once();
  }
  EXPECT_EQ(others.open, 0);
}

TEST_F(FramedAsksTest, call_that_ignores_its_own_deadline_is_not_waited_for) {
  others.waits = true;
  auto said = answer_to(ask(R"({"ask":7,"service":"call","function":"other","timeout_ms":5})"));
  EXPECT_NE(said.find(R"("code":"FUNCTION_TIMEOUT")"), std::string::npos) << said;
  EXPECT_EQ(others.open, 0);
}

TEST_F(FramedAsksTest, too_many_at_once_are_refused) {
  others.waits = true;
  std::string many;
  for (int n = 0; n < limits::kAsksPerCall; ++n) {
    std::string meta = R"({"ask":)" + std::to_string(n) + R"(,"service":"call","function":"o"})";
    many += ask(meta, {});
  }
  auto said = answer_to(many + ask(R"({"ask":999,"service":"call","function":"o"})"));
  EXPECT_NE(said.find(R"("ask":999,"ok":false,"error":{"code":"OVERLOADED")"), std::string::npos);
  EXPECT_EQ(others.asked.size(), static_cast<size_t>(limits::kAsksPerCall));
  EXPECT_EQ(others.open, 0);
}

}  // namespace
}  // namespace trivet::worker
