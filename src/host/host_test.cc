#include "trivet/host.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "catalog/scratch_test.h"
#include "trivet/client.h"
#include "wire/json.h"

namespace trivet {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Names = std::vector<std::string>;

constexpr std::string_view kEcho = "def handler(input, ctx):\n    return input\n";
constexpr auto kPatience = 30s;  // what a test waits for comes much sooner, or never

class HostTest : public ::testing::Test {
 protected:
  void write(std::string_view below, std::string_view text) const {
    scratch.write("functions/" + std::string{below}, text);
  }
  HostConfig config() const {
    HostConfig config;
    config.root = (scratch / "functions").string();
    config.data_dir = (scratch / "state").string();
    return config;
  }
  void open(HostConfig config) {
    auto opened = Host::open(std::move(config));
    ASSERT_TRUE(opened.ok()) << opened.error().text();
    host = std::move(*opened);
  }
  Result<CallReply> call(const std::string& function, const std::string& input = "{}") {
    CallRequest request;
    request.function = function;
    request.input = input;
    return host->invoke(std::move(request));
  }
  static std::future<Result<CallReply>> begin(Host& host, const std::string& function,
                                              const std::string& input = "{}") {
    CallRequest request;
    request.function = function;
    request.input = input;
    return host.invoke_async(std::move(request));
  }
  std::string code(const Result<CallReply>& reply) const {
    return reply ? "ok" : std::string{traits(reply.error().code).name};
  }
  wire::json::value seen(std::string_view path) {
    auto text = host->view(path);
    if (!text) return text.error().text().c_str();
    auto value = wire::parse_json(*text);
    return value ? *value : wire::json::value{"not JSON"};
  }

  // Keeps what comes on on_log.
  std::function<void(std::string_view)> keep_log() {
    return [this](std::string_view line) {
      std::lock_guard lock(mutex);
      log.emplace_back(line);
      logged.notify_all();
    };
  }
  bool log_has(std::string_view text) const {
    return std::any_of(log.begin(), log.end(),
                       [text](const auto& line) { return line.find(text) != std::string::npos; });
  }

  Scratch scratch;
  std::mutex mutex;
  std::condition_variable logged;
  std::vector<std::string> log;  // guarded by mutex
  std::unique_ptr<Host> host;    // last: its loop writes to the log
};

TEST_F(HostTest, lone_file_answers) {
  write("echo.py", kEcho);
  HostConfig lone = config();
  lone.root += "/echo.py";
  open(lone);
  auto reply = call("echo", R"({"n":1})");
  ASSERT_TRUE(reply.ok()) << reply.error().text();
  EXPECT_EQ(reply->body, R"({"n":1})");
  EXPECT_EQ(reply->status, 200);
  EXPECT_FALSE(reply->call_id.empty());
  EXPECT_GT(reply->start_ms, 0);
  auto warm = call("echo", "[2]");
  ASSERT_TRUE(warm.ok());
  EXPECT_EQ(warm->body, "[2]");
  EXPECT_EQ(warm->start_ms, 0);
  EXPECT_NE(warm->call_id, reply->call_id);
}

TEST_F(HostTest, folder_shows_each_function) {
  write("echo.py", kEcho);
  write("slow/trivet.yaml", "description: takes long\nlimits: {timeout: 9s}\nmode: pool\n");
  write("slow/main.py", kEcho);
  open(config());
  auto all = host->list_functions();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].name, "echo");
  auto slow = host->get_function("slow");
  ASSERT_TRUE(slow.ok());
  EXPECT_EQ(slow->description, "takes long");
  EXPECT_EQ(slow->timeout_ms, 9000);
  EXPECT_EQ(slow->runtime, "python");
  EXPECT_TRUE(slow->available);
  EXPECT_EQ(slow->interface, "json");
  EXPECT_EQ(slow->mode, "pool");
  EXPECT_EQ(slow->entrypoint, "main.py");
  EXPECT_EQ(slow->path, (scratch / "functions/slow").string());
  EXPECT_EQ(slow->version, all[1].version);
  EXPECT_EQ(call("slow", "7")->body, "7");
}

TEST_F(HostTest, folder_that_does_not_exist_is_an_error_and_is_not_made) {
  for (const char* below : {"none", "none/deep"}) {
    HostConfig wrong;
    wrong.root = (scratch / below).string();
    auto opened = Host::open(wrong);
    ASSERT_FALSE(opened.ok()) << below;
    EXPECT_EQ(opened.error().code, ErrorCode::kIo);
    EXPECT_NE(opened.error().message.find(wrong.root), std::string::npos);
    EXPECT_TRUE(fs::is_empty(scratch.path())) << below;
  }
}

TEST_F(HostTest, state_is_kept_beside_the_functions_unless_told) {
  write("echo.py", kEcho);
  HostConfig plain = config();
  plain.data_dir.clear();
  open(plain);
  EXPECT_TRUE(fs::is_directory(scratch / "functions/.trivet"));
  HostConfig told = config();
  open(told);
  EXPECT_TRUE(fs::is_directory(scratch / "state"));
}

TEST_F(HostTest, state_folder_that_cannot_be_written_is_an_error) {
  write("echo.py", kEcho);
  HostConfig wrong = config();
  wrong.data_dir = scratch.write("file", "x").string() + "/below";
  auto opened = Host::open(wrong);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, ErrorCode::kIo);
  EXPECT_NE(opened.error().message.find(wrong.data_dir), std::string::npos);
}

TEST_F(HostTest, bad_manifest_is_a_problem_of_that_function_alone) {
  write("echo.py", kEcho);
  write("bad/trivet.yaml", "name: bad\nlimits: {timeuot: 1s}\n");
  write("bad/main.py", kEcho);
  open(config());
  auto problems = host->list_problems();
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_NE(problems[0].find("bad/trivet.yaml:2:10: unknown field \"limits.timeuot\""),
            std::string::npos)
      << problems[0];
  EXPECT_NE(problems[0].find("did you mean \"timeout\"?"), std::string::npos);
  EXPECT_EQ(code(call("bad")), "INVALID_MANIFEST");
  EXPECT_EQ(host->get_function("bad").error().code, ErrorCode::kInvalidManifest);
  EXPECT_EQ(code(call("echo")), "ok");
}

TEST_F(HostTest, unknown_function_is_refused_with_the_nearest) {
  write("resize.py", kEcho);
  open(config());
  auto reply = call("reszie");
  ASSERT_EQ(code(reply), "FUNCTION_NOT_FOUND");
  EXPECT_EQ(reply.error().hint, "did you mean \"resize\"?");
  EXPECT_EQ(code(begin(*host, "").get()), "FUNCTION_NOT_FOUND");
  EXPECT_EQ(host->get_function("x").error().code, ErrorCode::kFunctionNotFound);
  EXPECT_EQ(host->build("x").error().code, ErrorCode::kFunctionNotFound);
}

TEST_F(HostTest, what_a_function_does_wrong_comes_back) {
  write("boom.py", "def handler(input, ctx):\n    raise ValueError('the reason')\n");
  write("dies.py", "import os\ndef handler(input, ctx):\n    os._exit(3)\n");
  write("broken.py", "import no_such_module\n");
  open(config());
  auto boom = call("boom");
  ASSERT_EQ(code(boom), "FUNCTION_ERROR");
  EXPECT_NE(boom.error().message.find("the reason"), std::string::npos);
  EXPECT_EQ(code(call("dies")), "FUNCTION_CRASHED");
  auto broken = call("broken");
  ASSERT_EQ(code(broken), "LOAD_FAILED");
  EXPECT_NE(broken.error().text().find("no_such_module"), std::string::npos);
}

TEST_F(HostTest, call_past_its_deadline_is_ended) {
  write("sleeper.py", "import time\ndef handler(input, ctx):\n    time.sleep(input)\n");
  HostConfig quick = config();
  quick.overrides = {{"timeout", "200ms"}};
  open(quick);
  EXPECT_EQ(code(call("sleeper", "60")), "FUNCTION_TIMEOUT");
  EXPECT_EQ(host->stats().errors, 1);
}

TEST_F(HostTest, a_caller_may_wait_less_long_than_the_function_may_run) {
  write("slow.py", "import time\ndef handler(input):\n    time.sleep(input)\n    return input\n");
  open(config());
  ASSERT_TRUE(call("slow", "0").ok());
  CallRequest request{.function = "slow", .input = "20"};
  request.wait_ms = 200;
  auto late = host->invoke(std::move(request));
  EXPECT_EQ(code(late), "FUNCTION_TIMEOUT");
  EXPECT_TRUE(call("slow", "0").ok());
}

TEST_F(HostTest, a_call_may_name_a_module_and_a_function_in_it) {
  write("f/trivet.yaml", "runtime: python\ninterface: module\n");
  write("f/math.py", "import math\ndef root(a, b):\n    return math.sqrt(a + b)\n");
  open(config());
  auto named = [this](const char* module, const char* member) {
    CallRequest request{.function = "f", .input = "[7, 9]"};
    request.module = module;
    request.member = member;
    return host->invoke(std::move(request));
  };
  auto reply = named("math", "root");
  ASSERT_TRUE(reply.ok()) << reply.error().text();
  EXPECT_EQ(reply->body, "4.0");
  EXPECT_EQ(code(named("math", "sqrt")), "FUNCTION_NOT_FOUND");
  EXPECT_EQ(code(named("os", "getpid")), "FUNCTION_NOT_FOUND");
  EXPECT_EQ(code(call("f", "[]")), "FUNCTION_NOT_FOUND");
}

TEST_F(HostTest, call_carries_its_id_and_who_calls) {
  write("who.py", "def handler(input, ctx):\n    return [ctx.call_id, ctx.auth, ctx.function]\n");
  open(config());
  CallRequest request;
  request.function = "who";
  request.input = "{}";
  request.call_id = "call-7";
  request.auth = R"({"id":"u1"})";
  auto reply = host->invoke(std::move(request));
  ASSERT_TRUE(reply.ok()) << reply.error().text();
  EXPECT_EQ(reply->call_id, "call-7");
  EXPECT_EQ(*wire::parse_json(reply->body), *wire::parse_json(R"(["call-7",{"id":"u1"},"who"])"));
}

TEST_F(HostTest, four_threads_get_their_own_replies) {
  write("echo.py", kEcho);
  open(config());
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([this, t, &right] {
      std::vector<std::pair<std::string, std::future<Result<CallReply>>>> calls;
      for (int i = 0; i < 15; ++i) {
        std::string input = std::to_string(t * 1000 + i);
        calls.emplace_back(input, begin(*host, "echo", input));
      }
      for (auto& [input, reply] : calls) {
        auto got = reply.get();
        if (got && got->body == input) ++right;
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(right, 60);
  EXPECT_EQ(host->stats().calls, 60);
  EXPECT_EQ(host->stats().in_flight, 0);
}

TEST_F(HostTest, callback_gets_the_reply_on_another_thread) {
  write("echo.py", kEcho);
  open(config());
  std::promise<std::pair<std::string, std::thread::id>> got;
  CallRequest request;
  request.function = "echo";
  request.input = "5";
  host->invoke(std::move(request), [&got](Result<CallReply> reply) {
    got.set_value({reply ? reply->body : reply.error().text(), std::this_thread::get_id()});
  });
  auto [body, thread] = got.get_future().get();
  EXPECT_EQ(body, "5");
  EXPECT_NE(thread, std::this_thread::get_id());
}

TEST_F(HostTest, loop_of_the_caller_answers_too) {
  write("echo.py", kEcho);
  HostConfig own = config();
  own.loop = LoopMode::kCaller;
  open(own);
  EXPECT_EQ(call("echo", "1")->body, "1");
  EXPECT_EQ(call("echo", "2")->body, "2");
  EXPECT_EQ(host->stats().calls, 2);
  EXPECT_EQ(host->reload_functions()->size(), 0u);
  EXPECT_TRUE(host->close().ok());
  EXPECT_EQ(code(call("echo")), "UNAVAILABLE");
}

TEST_F(HostTest, reload_names_what_changed_and_new_code_answers) {
  write("same/main.py", kEcho);  // a lone file changes with those beside it
  write("edited.py", "def handler(input, ctx):\n    return 'old'\n");
  write("gone.py", kEcho);
  open(config());
  EXPECT_EQ(host->reload_functions()->size(), 0u);
  EXPECT_EQ(call("edited")->body, "\"old\"");
  write("edited.py", "def handler(input, ctx):\n    return 'newer'\n");
  write("fresh.py", kEcho);
  fs::remove(scratch / "functions/gone.py");
  auto changed = host->reload_functions();
  ASSERT_TRUE(changed.ok());
  EXPECT_EQ((std::set<std::string>{changed->begin(), changed->end()}),
            (std::set<std::string>{"edited", "fresh", "gone"}));
  EXPECT_EQ(call("edited")->body, "\"newer\"");
  EXPECT_EQ(call("fresh", "1")->body, "1");
  EXPECT_EQ(code(call("gone")), "FUNCTION_NOT_FOUND");
}

TEST_F(HostTest, watching_host_takes_changes_by_itself) {
  write("echo.py", "def handler(input, ctx):\n    return 'old'\n");
  HostConfig watching = config();
  watching.watch = true;
  watching.on_log = keep_log();
  open(watching);
  ASSERT_TRUE(host->start().ok());
  EXPECT_EQ(call("echo")->body, "\"old\"");
  write("echo.py", "def handler(input, ctx):\n    return 'newer'\n");
  {
    std::unique_lock lock(mutex);
    ASSERT_TRUE(logged.wait_for(lock, kPatience, [this] { return log_has("reloaded"); }));
  }
  EXPECT_EQ(call("echo")->body, "\"newer\"");
}

TEST_F(HostTest, logs_of_a_function_reach_the_embedder_as_json) {
  write("talks.py", "def handler(input, ctx):\n    ctx.log.warn('look out', {'n': 1})\n");
  HostConfig listening = config();
  listening.on_log = keep_log();
  open(listening);
  ASSERT_TRUE(call("talks").ok());
  ASSERT_TRUE(host->close().ok());
  std::lock_guard lock(mutex);
  EXPECT_TRUE(log_has("look out"));
  for (const auto& line : log) EXPECT_TRUE(wire::parse_json(line).ok()) << line;
}

TEST_F(HostTest, stats_count_what_happened) {
  write("echo.py", kEcho);
  write("boom.py", "def handler(input, ctx):\n    raise ValueError()\n");
  write("Ba d.py", kEcho);
  open(config());
  StatsView before = host->stats();
  EXPECT_EQ(before.functions, 2);
  EXPECT_EQ(before.problems, 1);
  EXPECT_EQ(before.calls, 0);
  EXPECT_EQ(before.workers, 0);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(call("echo").ok());
  ASSERT_FALSE(call("boom").ok());
  StatsView now = host->stats();
  EXPECT_EQ(now.calls, 4);
  EXPECT_EQ(now.errors, 1);
  EXPECT_EQ(now.cold_starts, 2);
  EXPECT_EQ(now.in_flight, 0);
  EXPECT_GE(now.workers, 1);
}

TEST_F(HostTest, tokens_belong_to_the_function_they_were_issued_to) {
  write("echo.py", kEcho);
  open(config());
  TokenStore& tokens = host->token_store();
  std::string one = tokens.issue("echo"), two = tokens.issue("other");
  EXPECT_EQ(one.size(), 64u);
  EXPECT_EQ(one.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_NE(one, two);
  EXPECT_EQ(tokens.verify(one), "echo");
  EXPECT_EQ(tokens.verify(one), "echo");
  EXPECT_EQ(tokens.verify(two), "other");
  std::string wrong = one;
  wrong[63] = wrong[63] == '0' ? '1' : '0';
  EXPECT_EQ(tokens.verify(wrong), "");
  for (std::string_view none : {"", "x"}) EXPECT_EQ(tokens.verify(none), "");
  EXPECT_EQ(tokens.verify(one + "0"), "");
  EXPECT_EQ(tokens.verify(one.substr(0, 63)), "");
}

TEST_F(HostTest, every_page_has_a_view) {
  write("echo.py", kEcho);
  write("bad/trivet.yaml", "mode: x\n");
  open(config());
  ASSERT_TRUE(call("echo").ok());
  auto has = [this](std::string_view path, std::string_view text) {
    auto page = host->view(path);
    EXPECT_TRUE(page.ok()) << path << ": " << page.error().text();
    EXPECT_NE(page->find(text), std::string::npos) << path << ": " << *page;
    EXPECT_TRUE(wire::parse_json(*page).ok()) << path;
  };
  has("/v1/functions", "\"echo\"");
  has("/v1/functions/echo", "\"echo\"");
  has("/v1/runtimes", "\"python\"");
  has("/v1/workers", "\"echo\"");
  has("/v1/stats", "\"calls\"");
  EXPECT_EQ(host->view("/v1/functions/bad").error().code, ErrorCode::kInvalidManifest);
  EXPECT_EQ(host->view("/v1/functions/none").error().code, ErrorCode::kFunctionNotFound);
  for (std::string_view none : {"", "/", "/v1", "/v1/nothing", "/metrics"})
    EXPECT_EQ(host->view(none).error().code, ErrorCode::kNotFound) << none;
}

TEST_F(HostTest, functions_view_has_functions_and_problems) {
  write("echo.py", kEcho);
  open(config());
  auto page = seen("/v1/functions/echo");
  ASSERT_TRUE(page.is_object());
  EXPECT_EQ(page.as_object().at("name"), "echo");
  EXPECT_EQ(page.as_object().at("runtime"), "python");
}

TEST_F(HostTest, close_twice_is_the_same_as_once) {
  write("echo.py", kEcho);
  open(config());
  ASSERT_TRUE(call("echo").ok());
  EXPECT_TRUE(host->close().ok());
  EXPECT_TRUE(host->close().ok());
  EXPECT_EQ(host->stats().workers, 0);
  EXPECT_EQ(host->stats().calls, 1);
}

TEST_F(HostTest, closed_host_refuses_every_form_of_call) {
  write("echo.py", kEcho);
  open(config());
  ASSERT_TRUE(host->close().ok());
  EXPECT_EQ(code(call("echo")), "UNAVAILABLE");
  auto later = begin(*host, "echo");
  ASSERT_EQ(later.wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(code(later.get()), "UNAVAILABLE");
}

TEST_F(HostTest, close_waits_for_calls_in_flight) {
  write("slow.py", "import time\ndef handler(input, ctx):\n    time.sleep(0.2)\n    return 'ok'\n");
  open(config());
  auto reply = begin(*host, "slow");
  ASSERT_TRUE(host->close().ok());
  ASSERT_EQ(reply.wait_for(kPatience), std::future_status::ready);
  auto got = reply.get();
  ASSERT_TRUE(got.ok()) << got.error().text();
  EXPECT_EQ(got->body, "\"ok\"");
}

TEST_F(HostTest, host_that_goes_away_ends_its_calls) {
  write("stuck.py", "import time\ndef handler(input, ctx):\n    time.sleep(3600)\n");
  open(config());
  auto reply = begin(*host, "stuck");
  host.reset();
  ASSERT_EQ(reply.wait_for(kPatience), std::future_status::ready);
  EXPECT_FALSE(reply.get().ok());
}

class ListenTest : public HostTest {
 protected:
  void SetUp() override { write("echo.py", kEcho); }
  void listen(const std::string& where, const std::string& token = "") {
    HostConfig listening = config();
    listening.listen = {where};
    listening.access_token = token;
    open(listening);
  }
  int status(const std::string& target, const std::string& token) {
    auto client = Client::connect(host->addresses().at(0), token, 10'000);
    if (!client) return -1;
    auto reply = (*client)->request("POST", target, {}, "[1]");
    return reply ? reply->status : -2;
  }
};

TEST_F(ListenTest, nothing_listens_before_start) {
  listen("127.0.0.1:0");
  EXPECT_TRUE(host->addresses().empty());
  ASSERT_TRUE(host->start().ok());
  ASSERT_EQ(host->addresses().size(), 1u);
  EXPECT_EQ(host->addresses()[0].rfind("http://127.0.0.1:", 0), 0u);
  EXPECT_EQ(status("/function/echo", ""), 200);
  EXPECT_EQ(status("/function/none", ""), 404);
}

TEST_F(ListenTest, port_in_use_is_an_error) {
  listen("127.0.0.1:0");
  ASSERT_TRUE(host->start().ok());
  std::string taken = host->addresses().at(0).substr(std::string_view{"http://"}.size());
  HostConfig second = config();
  second.listen = {taken};
  auto other = Host::open(second);
  ASSERT_TRUE(other.ok());
  Status started = (*other)->start();
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.error().code, ErrorCode::kIo);
  EXPECT_NE(started.error().message.find(taken), std::string::npos) << started.error().message;
  EXPECT_TRUE((*other)->addresses().empty());
  EXPECT_EQ(status("/function/echo", ""), 200);
}

TEST_F(ListenTest, address_that_is_none_or_not_loopback_is_refused) {
  listen("nonsense");
  EXPECT_FALSE(host->start().ok());
  listen("0.0.0.0:0");
  Status open_to_all = host->start();
  ASSERT_FALSE(open_to_all.ok());
  EXPECT_EQ(open_to_all.error().code, ErrorCode::kUnauthorized);
}

TEST_F(ListenTest, access_token_is_demanded) {
  listen("127.0.0.1:0", "s3cret");
  ASSERT_TRUE(host->start().ok());
  EXPECT_EQ(status("/function/echo", "s3cret"), 200);
  EXPECT_EQ(status("/function/echo", "wrong"), 401);
  EXPECT_EQ(status("/function/echo", ""), 401);
}

TEST_F(ListenTest, socket_file_answers_and_is_gone_after_close) {
  std::string file = (scratch / "s").string();
  listen("unix:" + file);
  ASSERT_TRUE(host->start().ok());
  EXPECT_EQ(status("/function/echo", ""), 200);
  ASSERT_TRUE(host->close().ok());
  auto client = Client::connect("unix:" + file, "", 1000);
  EXPECT_TRUE(!client.ok() || !(*client)->request("GET", "/healthz", {}, "").ok());
}

}  // namespace
}  // namespace trivet
