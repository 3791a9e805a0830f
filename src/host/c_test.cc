#include "trivet/c.h"

#include <gtest/gtest.h>

#include <future>
#include <string>

#include "catalog/scratch_test.h"

namespace trivet {
namespace {

using namespace std::chrono_literals;

class CTest : public ::testing::Test {
 protected:
  CTest() {
    scratch.write("functions/echo.py", "def handler(input, ctx):\n    return input\n");
    scratch.write("functions/boom.py", "def handler(input, ctx):\n    raise ValueError('why')\n");
  }
  ~CTest() override { trivet_host_free(host); }

  std::string taken(char* text) {
    std::string out = text ? text : "NULL";
    trivet_string_free(text);
    return out;
  }
  void open() {
    std::string config = R"({"root":")" + (scratch / "functions").string() + R"(","data_dir":")" +
                         (scratch / "state").string() + R"("})";
    host = trivet_host_open(config.c_str(), &error);
    ASSERT_NE(host, nullptr) << taken(error);
    EXPECT_EQ(error, nullptr);
  }

  Scratch scratch;
  trivet_host* host = nullptr;
  char* error = nullptr;
};

TEST_F(CTest, call_gives_a_reply_that_belongs_to_the_caller) {
  open();
  trivet_reply* reply = trivet_invoke(host, "echo", "[1]", 3, &error);
  ASSERT_NE(reply, nullptr) << taken(error);
  size_t size = 0;
  const void* body = trivet_reply_body(reply, &size);
  EXPECT_EQ(std::string(static_cast<const char*>(body), size), "[1]");
  EXPECT_EQ(trivet_reply_status(reply), 200);
  EXPECT_NE(std::string{trivet_reply_call_id(reply)}, "");
  EXPECT_EQ(trivet_reply_header(reply, "no-such-header"), nullptr);
  trivet_reply_free(reply);
}

TEST_F(CTest, failures_are_json) {
  open();
  EXPECT_EQ(trivet_invoke(host, "boom", nullptr, 0, &error), nullptr);
  std::string text = taken(error);
  EXPECT_NE(text.find("\"code\":\"FUNCTION_ERROR\""), std::string::npos) << text;
  EXPECT_NE(text.find("why"), std::string::npos) << text;
  EXPECT_EQ(trivet_invoke(host, "ehco", nullptr, 0, &error), nullptr);
  text = taken(error);
  EXPECT_NE(text.find("FUNCTION_NOT_FOUND"), std::string::npos) << text;
  EXPECT_NE(text.find("did you mean"), std::string::npos) << text;
  EXPECT_EQ(trivet_invoke(host, "boom", nullptr, 0, nullptr), nullptr);
}

TEST_F(CTest, host_that_cannot_be_opened_is_null_and_says_why) {
  for (const char* config : {"{\"root\":\"/no/such/folder\"}", "[1]", "{"}) {
    EXPECT_EQ(trivet_host_open(config, &error), nullptr) << config;
    EXPECT_NE(taken(error).find("\"code\""), std::string::npos) << config;
    EXPECT_EQ(trivet_host_open(config, nullptr), nullptr);
  }
}

TEST_F(CTest, callback_gets_a_reply_or_an_error) {
  open();
  std::promise<std::string> got;
  auto done = [](void* context, trivet_reply* reply, char* failure) {
    std::string seen = reply ? "reply" : failure ? "error" : "neither";
    if (reply && failure) seen = "both";
    trivet_reply_free(reply);
    trivet_string_free(failure);
    static_cast<std::promise<std::string>*>(context)->set_value(seen);
  };
  trivet_invoke_async(host, "echo", "1", 1, done, &got);
  EXPECT_EQ(got.get_future().get(), "reply");
  got = {};
  trivet_invoke_async(host, "none", "1", 1, done, &got);
  EXPECT_EQ(got.get_future().get(), "error");
}

TEST_F(CTest, pages_and_reload_are_json) {
  open();
  EXPECT_NE(taken(trivet_get_function(host, "echo", &error)).find("\"echo\""), std::string::npos);
  EXPECT_NE(taken(trivet_list_functions(host, &error)).find("\"boom\""), std::string::npos);
  EXPECT_NE(taken(trivet_stats(host, &error)).find("\"calls\""), std::string::npos);
  EXPECT_EQ(taken(trivet_reload_functions(host, &error)), "[]");
  scratch.write("functions/fresh/main.py", "def handler(input, ctx):\n    return 1\n");
  EXPECT_EQ(taken(trivet_reload_functions(host, &error)), "[\"fresh\"]");
  EXPECT_EQ(error, nullptr);
  EXPECT_EQ(trivet_get_function(host, "none", &error), nullptr);
  EXPECT_NE(taken(error).find("FUNCTION_NOT_FOUND"), std::string::npos);
}

TEST_F(CTest, tokens_are_verified) {
  open();
  std::string token = taken(trivet_token_issue(host, "echo"));
  EXPECT_EQ(token.size(), 64u);
  EXPECT_EQ(taken(trivet_token_verify(host, token.c_str())), "echo");
  EXPECT_EQ(trivet_token_verify(host, "x"), nullptr);
}

TEST_F(CTest, closed_host_refuses_and_may_be_closed_again) {
  open();
  EXPECT_EQ(trivet_host_start(host, &error), 0);
  EXPECT_EQ(trivet_host_close(host, &error), 0);
  EXPECT_EQ(trivet_host_close(host, nullptr), 0);
  EXPECT_EQ(trivet_invoke(host, "echo", "1", 1, &error), nullptr);
  EXPECT_NE(taken(error).find("UNAVAILABLE"), std::string::npos);
}

TEST(CVersion, abi_is_one) {
  EXPECT_EQ(trivet_abi_version(), 1);
  EXPECT_NE(std::string{trivet_version()}, "");
}

}  // namespace
}  // namespace trivet
