#include "catalog/alyx.h"

#include <gtest/gtest.h>

namespace trivet::catalog {
namespace {

class AlyxTest : public ::testing::Test {
 protected:
  std::string said(std::string_view text) {
    spec = {};
    auto tree = parse_yaml(text, "manifest.yaml");
    if (!tree) return "not YAML: " + tree.error().message;
    auto error = read_alyx_function(*tree, tree->root, {"/f", environment}, spec);
    return error ? error->message : "";
  }
  // The same with what every function needs before it.
  std::string said_of(std::string_view more) {
    return said("runtime: node\nentrypoint: index.js\n" + std::string{more});
  }
  bool noted(std::string_view text) const {
    for (const auto& note : spec.notes)
      if (note.find(text) != std::string::npos) return true;
    return false;
  }

  std::map<std::string, std::string> environment{{"HOST", "example.com"}};
  FunctionSpec spec;
};

TEST_F(AlyxTest, whole_manifest_is_read) {
  ASSERT_EQ(said(R"(
name: send_mail
description: sends one
version: "1.2"
runtime: node
entrypoint: index.js
path: functions/send_mail
timeout: 45
memory: 256mb
env: {URL: "https://${HOST}"}
routes:
  - {path: /mail, methods: [POST, PUT]}
  - {path: /any}
build: {command: npm, args: [run, build], output: dist/index.js, watch: ["src/**"]}
dependencies: [lodash]
rules: {invoke: "auth.id != ''"}
)"),
            "");
  EXPECT_EQ(spec.name, "send_mail");
  EXPECT_EQ(spec.description, "sends one");
  EXPECT_EQ(spec.runtime, "node");
  EXPECT_EQ(spec.entrypoint, "index.js");
  EXPECT_EQ(spec.interface, "stdio");
  EXPECT_EQ(spec.mode, Mode::kOneshot);
  EXPECT_EQ(spec.limits.timeout, Duration{45s});
  EXPECT_EQ(spec.env["URL"], "https://example.com");
  ASSERT_EQ(spec.routes.size(), 2u);
  EXPECT_EQ(spec.routes[0].methods, (std::vector<std::string>{"POST", "PUT"}));
  EXPECT_EQ(spec.routes[1].path, "/any");
  EXPECT_EQ(spec.build->output, "dist/index.js");
  EXPECT_EQ(spec.policy.limits.memory_bytes, int64_t{256} << 20);
  EXPECT_FALSE(spec.level_given);
  EXPECT_TRUE(noted("rules"));
}

TEST_F(AlyxTest, applet_form_of_the_runtime_is_read) {
  ASSERT_EQ(said("runtime: {engine: bun, version: \">=1.0.0\"}\nentrypoint: a.ts"), "");
  EXPECT_EQ(spec.runtime, "bun");
  EXPECT_EQ(spec.runtime_version, ">=1.0.0");
}

TEST_F(AlyxTest, runtime_and_entrypoint_are_required) {
  EXPECT_EQ(said("entrypoint: a.js"), "manifest.yaml:1:1: runtime is missing");
  EXPECT_EQ(said("runtime: node"), "manifest.yaml:1:1: entrypoint is missing");
}

TEST_F(AlyxTest, timeout_and_memory_take_bare_numbers_and_units) {
  for (auto [text, expected] :
       {std::pair{"30", Duration{30s}}, {"30s", Duration{30s}}, {"5m", Duration{5min}}}) {
    EXPECT_EQ(said_of("timeout: " + std::string{text}), "");
    EXPECT_EQ(spec.limits.timeout, expected) << text;
  }
  for (auto [text, mib] : {std::pair{"128", 128}, {"256mb", 256}, {"1GB", 1024}, {"16", 16}}) {
    EXPECT_EQ(said_of("memory: " + std::string{text}), "");
    EXPECT_EQ(spec.policy.limits.memory_bytes, int64_t{mib} << 20) << text;
  }
  EXPECT_EQ(said_of("memory: 15"), "manifest.yaml:3:9: memory must be from 16MiB to 1TiB, not 15");
  EXPECT_EQ(said_of("timeout: soon").rfind("manifest.yaml:3:10: timeout: ", 0), 0u);
  EXPECT_EQ(said_of("memory: lots").rfind("manifest.yaml:3:9: memory: ", 0), 0u);
  EXPECT_EQ(said_of(""), "");
  EXPECT_EQ(spec.limits.timeout, Duration{30s});
  EXPECT_TRUE(spec.notes.empty());
}

TEST_F(AlyxTest, routes_are_checked) {
  EXPECT_EQ(said_of("routes: [{path: x}]"), "manifest.yaml:3:10: a route's path must start with /");
  EXPECT_EQ(said_of("routes: [{methods: [GET]}]"),
            "manifest.yaml:3:10: a route's path must start with /");
  EXPECT_EQ(said_of("routes: [{path: /x, methods: [FETCH]}]"),
            "manifest.yaml:3:10: \"FETCH\" is not a method");
}

TEST_F(AlyxTest, hooks_are_checked_and_noted) {
  EXPECT_EQ(said_of("hooks:\n- {type: database, source: users, action: insert, mode: sync}\n"
                    "- {type: auth, source: user, action: signup, config: {timeout: 5s}}\n"
                    "- {type: webhook, verification: {type: hmac-sha256, header: X-S, "
                    "secret: S}}\n"),
            "");
  EXPECT_TRUE(noted("hooks"));
  const std::pair<std::string_view, std::string_view> table[] = {
      {"hooks: [{type: disk}]", "hooks.type must be one of"},
      {"hooks: [{source: a, action: b}]", "a hook needs a type"},
      {"hooks: [{type: database, action: insert}]", "needs source and action"},
      {"hooks: [{type: auth, source: user}]", "needs source and action"},
      {"hooks: [{type: webhook}]", "a webhook needs verification"},
      {"hooks: [{type: webhook, verification: {type: hmac-sha256, header: X}}]",
       "verification needs type, header and secret"},
      {"hooks: [{type: webhook, verification: {type: md5, header: X, secret: S}}]",
       "verification.type must be one of"},
      {"hooks: [{type: database, source: a, action: b, mode: later}]", "must be one of sync"}};
  for (auto [text, message] : table)
    EXPECT_NE(said_of(text).find(message), std::string::npos) << text << ": " << said_of(text);
}

TEST_F(AlyxTest, schedules_are_checked_and_noted) {
  EXPECT_EQ(said_of("schedules:\n- {name: a, type: cron, expression: \"*/5 * * * *\"}\n"
                    "- {name: b, type: interval, expression: 24h, input: {a: 1}}\n"
                    "- {name: c, type: one_time, expression: \"2030-01-01T00:00:00Z\"}\n"),
            "");
  EXPECT_TRUE(noted("schedules"));
  const std::pair<std::string_view, std::string_view> table[] = {
      {"schedules: [{type: cron, expression: x}]", "a schedule needs name, type and expression"},
      {"schedules: [{name: a, expression: x}]", "a schedule needs name, type and expression"},
      {"schedules: [{name: a, type: cron}]", "a schedule needs name, type and expression"},
      {"schedules: [{name: a, type: weekly, expression: x}]", "schedules.type must be one of"},
      {"schedules: [{name: a, type: interval, expression: 500ms}]", "at least 1s"},
      {"schedules: [{name: a, type: interval, expression: often}]", "at least 1s"}};
  for (auto [text, message] : table)
    EXPECT_NE(said_of(text).find(message), std::string::npos) << text << ": " << said_of(text);
}

TEST_F(AlyxTest, unknown_fields_are_refused_with_a_suggestion) {
  EXPECT_EQ(said_of("timeot: 3s"), "manifest.yaml:3:1: unknown field \"timeot\"");
  EXPECT_EQ(said_of("sandbox: {level: strict}"), "manifest.yaml:3:1: unknown field \"sandbox\"");
}

TEST_F(AlyxTest, sample_input_becomes_json_text) {
  const std::pair<std::string_view, std::string_view> table[] = {
      {"sample_input: {name: Ada, tags: [x, 1, true, ~]}",
       R"({"name":"Ada","tags":["x",1,true,null]})"},
      {"sample_input: 42", "42"},
      {"sample_input: '{\"name\":\"Ada\"}'", R"({"name":"Ada"})"},
      {"sample_input: |\n  {\"name\":\"Ada\"}", R"({"name":"Ada"})"},
      {"sample_input: {zip: \"01234\"}", R"({"zip":"01234"})"},
      {"sample_input: plain words", R"("plain words")"}};
  for (auto [text, json] : table) {
    EXPECT_EQ(said_of(text), "");
    EXPECT_EQ(spec.sample_input, json) << text;
  }
}

TEST(LooksLikeAlyx, schema_and_manifest_are_told_from_other_files) {
  auto root = [](std::string_view text) { return parse_yaml(text, "x.yaml")->root; };
  EXPECT_TRUE(looks_like_alyx_schema(root("functions: {a: {runtime: node}}")));
  EXPECT_FALSE(looks_like_alyx_schema(root("functions: [a]")));
  EXPECT_FALSE(looks_like_alyx_schema(root("version: 1\ncollections: {}")));
  EXPECT_FALSE(looks_like_alyx_schema(root("[functions]")));
  EXPECT_TRUE(looks_like_alyx_manifest(root("runtime: node")));
  EXPECT_FALSE(looks_like_alyx_manifest(root("name: chrome extension")));
  EXPECT_FALSE(looks_like_alyx_manifest(root("")));
}

}  // namespace
}  // namespace trivet::catalog
