#include "worker/port_target.h"

#include <gtest/gtest.h>

namespace trivet::worker {
namespace {

TEST(PortTarget, says_which_function_a_body_asks_for) {
  LaunchPlan plan;
  plan.entrypoint = "src/main.ext";
  struct Row {
    std::string_view handler, body, module, function, args;
  };
  const Row table[] = {
      {"", "", "main", "handle", "[null]"},
      {"add", " \n", "main", "add", "[null]"},
      {"add", "1.50", "main", "add", "[1.50]"},
      {"", R"({"a":1})", "main", "handle", R"([{"a":1}])"},
      {"x", R"({"function":"f","args":[1, "]"]})", "main", "f", R"([1, "]"])"},
      {"x", R"({"module":"m\n","args":[],"function":"f\u0031"})", "m\n", "f1", "[]"},
      {"", R"({"function":"f","args":[],"more":1})", "main", "handle",
       R"([{"function":"f","args":[],"more":1}])"},
      {"", R"({"function":1,"args":[]})", "main", "handle", R"([{"function":1,"args":[]}])"},
      {"", R"({"function":"f","args":{}})", "main", "handle", R"([{"function":"f","args":{}}])"},
      {"", R"({"function":"f","args":[],"module":1})", "main", "handle",
       R"([{"function":"f","args":[],"module":1}])"}};
  for (const auto& row : table) {
    plan.handler = row.handler;
    auto target = port_target(plan, row.body);
    ASSERT_TRUE(target.ok()) << row.body;
    EXPECT_EQ(target->module, row.module) << row.body;
    EXPECT_EQ(target->function, row.function) << row.body;
    EXPECT_EQ(target->args, row.args) << row.body;
  }
  for (std::string_view body : {"{", "x", "{} {}", "1 2"})
    EXPECT_EQ(port_target(plan, body).error().code, ErrorCode::kInvalidInput) << body;
}

}  // namespace
}  // namespace trivet::worker
