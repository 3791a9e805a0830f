#include "catalog/manifest.h"

#include <gtest/gtest.h>

namespace trivet::catalog {
namespace {

using Texts = std::vector<std::string>;

class ManifestTest : public ::testing::Test {
 protected:
  // What reading `text` says; empty when all is well. The function is in `spec`.
  std::string said(std::string_view text) {
    spec = {};
    open = {};
    error.reset();
    auto tree = parse_yaml(text, "trivet.yaml");
    if (!tree) return "not YAML: " + tree.error().message;
    error = read_function(*tree, tree->root, {"/f", environment}, spec, open);
    return error ? error->message : "";
  }
  struct Wrong {
    std::string_view text, message;
  };
  void expect_refused(std::initializer_list<Wrong> table) {
    for (const auto& row : table) {
      EXPECT_EQ(said(row.text), std::string{"trivet.yaml:"} + std::string{row.message}) << row.text;
      EXPECT_TRUE(error && error->code == ErrorCode::kInvalidManifest) << row.text;
    }
  }

  std::map<std::string, std::string> environment{{"HOST", "example.com"}, {"EMPTY", ""}};
  FunctionSpec spec;
  Unresolved open;
  std::optional<Error> error;
};

TEST_F(ManifestTest, every_field_is_read) {
  ASSERT_EQ(said(R"(
name: resize
description: makes it smaller
runtime: python@3.11
entrypoint: main.py:handle
interface: json
mode: pool
pristine: true
scale: {min: 1, max: 9, overflow: 3, concurrency: 4, idle: 7m, queue: 50, start: eager}
limits: {timeout: 3s, start_timeout: 4s, payload: 5MiB}
restart: {backoff: 200ms..40s, max_calls: 1000, max_age: 2h}
env: {LEVEL: info, URL: "https://${HOST}/x"}
build: {command: npm, args: [run, build], output: dist/main.js, watch: ["src/**", "*.json"]}
triggers:
  - http: {route: "POST /resize/{id}", auth: none}
  - http: {route: "GET,PUT /both"}
  - http: {route: /any}
)"),
            "");
  EXPECT_EQ(spec.name, "resize");
  EXPECT_EQ(spec.description, "makes it smaller");
  EXPECT_EQ(spec.runtime, "python");
  EXPECT_EQ(spec.runtime_version, "3.11");
  EXPECT_EQ(spec.entrypoint, "main.py");
  EXPECT_EQ(spec.handler, "handle");
  EXPECT_EQ(spec.interface, "json");
  EXPECT_EQ(spec.mode, Mode::kPool);
  EXPECT_TRUE(open.mode_given);
  EXPECT_TRUE(spec.pristine);
  EXPECT_EQ(spec.scale.min, 1);
  EXPECT_EQ(spec.scale.max, 9);
  EXPECT_EQ(spec.scale.overflow, 3);
  EXPECT_EQ(spec.scale.concurrency, 4);
  EXPECT_EQ(spec.scale.idle, Duration{7min});
  EXPECT_EQ(spec.scale.queue, 50);
  EXPECT_EQ(spec.scale.start, StartPolicy::kEager);
  EXPECT_EQ(spec.limits.timeout, Duration{3s});
  EXPECT_EQ(spec.limits.start_timeout, Duration{4s});
  EXPECT_EQ(spec.limits.payload_bytes, size_t{5} << 20);
  EXPECT_EQ(spec.restart.backoff_min, Duration{200ms});
  EXPECT_EQ(spec.restart.backoff_max, Duration{40s});
  EXPECT_EQ(spec.restart.max_calls, 1000);
  EXPECT_EQ(spec.restart.max_age, Duration{2h});
  EXPECT_EQ(spec.env, (std::map<std::string, std::string>{{"LEVEL", "info"},
                                                          {"URL", "https://example.com/x"}}));
  ASSERT_TRUE(spec.build.has_value());
  EXPECT_EQ(spec.build->command, "npm");
  EXPECT_EQ(spec.build->args, (Texts{"run", "build"}));
  EXPECT_EQ(spec.build->output, "dist/main.js");
  EXPECT_EQ(spec.build_limits.timeout, limits::kBuildTimeout);
  EXPECT_EQ(spec.build->watch, (Texts{"src/**", "*.json"}));
  ASSERT_EQ(spec.routes.size(), 3u);
  EXPECT_EQ(spec.routes[0].methods, Texts{"POST"});
  EXPECT_EQ(spec.routes[0].path, "/resize/{id}");
  EXPECT_EQ(spec.routes[1].methods, (Texts{"GET", "PUT"}));
  EXPECT_EQ(spec.routes[2].methods, Texts{});
  EXPECT_EQ(spec.routes[2].path, "/any");
}

TEST_F(ManifestTest, empty_manifest_has_every_default) {
  ASSERT_EQ(said(""), "");
  EXPECT_EQ(spec.runtime, "");
  EXPECT_EQ(spec.mode, Mode::kPool);
  EXPECT_FALSE(open.mode_given);
  EXPECT_FALSE(spec.pristine);
  EXPECT_EQ(spec.scale.min, 0);
  EXPECT_EQ(spec.scale.max, 8);
  EXPECT_EQ(spec.scale.overflow, 2);
  EXPECT_EQ(spec.scale.concurrency, 1);
  EXPECT_EQ(spec.scale.idle, Duration{5min});
  EXPECT_EQ(spec.scale.queue, 100);
  EXPECT_EQ(spec.scale.start, StartPolicy::kLazy);
  EXPECT_EQ(spec.limits.timeout, Duration{30s});
  EXPECT_EQ(spec.limits.start_timeout, Duration{30s});
  EXPECT_EQ(spec.limits.payload_bytes, size_t{32} << 20);
  EXPECT_EQ(spec.restart.backoff_min, Duration{100ms});
  EXPECT_EQ(spec.restart.backoff_max, Duration{30s});
  EXPECT_EQ(spec.restart.max_calls, 0);
  EXPECT_EQ(spec.restart.max_age, Duration{});
  EXPECT_FALSE(spec.build.has_value());
  EXPECT_TRUE(spec.routes.empty());
}

TEST_F(ManifestTest, a_build_may_have_limits_with_and_without_a_command) {
  ASSERT_EQ(said("build: {timeout: 30s, max_size: 5MiB}"), "");
  EXPECT_FALSE(spec.build.has_value());
  EXPECT_EQ(spec.build_limits.timeout, 30s);
  EXPECT_EQ(spec.build_limits.max_bytes, 5 * limits::kMiB);
  ASSERT_EQ(said("build: {command: make, timeout: 30s}"), "");
  EXPECT_EQ(spec.build->command, "make");
  EXPECT_EQ(spec.build_limits.timeout, 30s);
  expect_refused({{"build: {args: [a], timeout: 30s}", "1:8: build.command is missing"},
                  {"build: {timeout: 0s}", "1:18: build.timeout must be from 1ms to 1d, not 0s"}});
}

TEST_F(ManifestTest, null_is_the_same_as_leaving_a_field_out) {
  ASSERT_EQ(said("name: ~\nruntime:\ninterface:\nmode:\nscale:\nlimits:\nrestart:\nenv:\n"
                 "build:\ntriggers:\nsandbox:\nsecrets:\n"),
            "");
  EXPECT_FALSE(open.mode_given);
  EXPECT_FALSE(spec.build.has_value());
}

TEST_F(ManifestTest, runtime_has_three_forms) {
  const std::tuple<std::string_view, std::string_view, std::string_view> table[] = {
      {"runtime: python", "python", ""},
      {"runtime: python@3.11", "python", "3.11"},
      {"runtime: {engine: bun, version: \">=1.0.0\"}", "bun", ">=1.0.0"},
      {"runtime: {engine: bun}", "bun", ""}};
  for (auto [text, name, version] : table) {
    EXPECT_EQ(said(text), "") << text;
    EXPECT_EQ(spec.runtime, name) << text;
    EXPECT_EQ(spec.runtime_version, version) << text;
  }
  expect_refused(
      {{"runtime: [python]", "1:10: runtime must be a name, not a list"},
       {"runtime: {version: 1}", "1:10: runtime.engine is missing"},
       {"runtime: {engine: [a]}", "1:19: runtime.engine must be one value, not a list"},
       {"runtime: {engin: bun}", "1:10: runtime.engine is missing"},
       {"runtime: {engine: bun, versoin: 1}", "1:24: unknown field \"runtime.versoin\""}});
}

TEST_F(ManifestTest, entrypoint_may_name_the_handler) {
  ASSERT_EQ(said("entrypoint: src/main.py"), "");
  EXPECT_EQ(spec.entrypoint, "src/main.py");
  EXPECT_EQ(spec.handler, "");
  ASSERT_EQ(said("entrypoint: src/main.py:do_it"), "");
  EXPECT_EQ(spec.entrypoint, "src/main.py");
  EXPECT_EQ(spec.handler, "do_it");
}

TEST_F(ManifestTest, entrypoint_outside_the_folder_is_refused) {
  expect_refused(
      {{"entrypoint: ../main.py", "1:13: the entrypoint must lie in the function's folder"},
       {"name: x\nentrypoint: a/../../main.py",
        "2:13: the entrypoint must lie in the function's folder"},
       {"entrypoint: /etc/passwd", "1:13: the entrypoint must lie in the function's folder"},
       {"entrypoint: [main.py]", "1:13: entrypoint must be one value, not a list"}});
}

TEST_F(ManifestTest, mode_and_start_are_one_of_two_words) {
  ASSERT_EQ(said("mode: oneshot"), "");
  EXPECT_EQ(spec.mode, Mode::kOneshot);
  expect_refused(
      {{"mode: forked", "1:7: mode must be one of pool, oneshot, not \"forked\""},
       {"scale: {start: eger}", "1:16: scale.start must be one of lazy, eager, not \"eger\""}});
  EXPECT_EQ(error->hint, "did you mean \"eager\"?");
}

TEST_F(ManifestTest, wrong_types_are_refused_with_their_place) {
  expect_refused(
      {{"name: [a]", "1:7: name must be one value, not a list"},
       {"name: f\ndescription: {a: b}", "2:14: description must be one value, not a map"},
       {"interface: [json]", "1:12: interface must be one value, not a list"},
       {"pristine: 1", "1:11: pristine must be true or false, not \"1\""},
       {"scale: 3", "1:8: scale must be a map, not text"},
       {"scale: {max: many}", "1:14: scale.max must be a whole number, not \"many\""},
       {"limits: [1s]", "1:9: limits must be a map, not a list"},
       {"env: [A]", "1:6: env must be a map, not a list"},
       {"env:\n  A:\n    B: c", "3:5: env.A must be text"},
       {"build: make", "1:8: build must be a map, not text"},
       {"build: {command: make, args: {a: b}}", "1:30: build.args must be a list, not a map"},
       {"triggers: {http: {route: /x}}", "1:11: triggers must be a list, not a map"},
       {"triggers: [http]", "1:12: triggers must be a map, not text"},
       {"triggers: [{http: /x}]", "1:19: triggers.http must be a map, not text"},
       {"[name, x]", "1:1: the manifest must be a map, not a list"}});
}

TEST_F(ManifestTest, values_out_of_range_are_refused) {
  expect_refused({
      {"scale: {min: -1}", "1:14: scale.min must be from 0 to 1000, not -1"},
      {"scale: {max: 0}", "1:14: scale.max must be from 1 to 1000, not 0"},
      {"scale: {max: 1001}", "1:14: scale.max must be from 1 to 1000, not 1001"},
      {"scale: {overflow: 1001}", "1:19: scale.overflow must be from 0 to 1000, not 1001"},
      {"scale: {concurrency: 0}", "1:22: scale.concurrency must be from 1 to 1000, not 0"},
      {"scale: {queue: 100001}", "1:16: scale.queue must be from 0 to 100000, not 100001"},
      {"scale: {idle: 1ms}", "1:15: scale.idle must be from 10ms to 365d, not 1ms"},
      {"scale: {min: 5, max: 4}", "1:8: scale.min is 5, above scale.max, 4"},
      {"scale: {min: 9}", "1:8: scale.min is 9, above scale.max, 8"},
      {"limits: {timeout: 0s}", "1:19: limits.timeout must be from 1ms to 1d, not 0s"},
      {"limits: {timeout: 25h}", "1:19: limits.timeout must be from 1ms to 1d, not 25h"},
      {"limits: {start_timeout: 2d}", "1:25: limits.start_timeout must be from 1ms to 1d, not 2d"},
      {"limits: {payload: 0}", "1:19: limits.payload must be from 1B to 1GiB, not 0"},
      {"limits: {payload: 2GiB}", "1:19: limits.payload must be from 1B to 1GiB, not 2GiB"},
      {"restart: {max_calls: -1}",
       "1:22: restart.max_calls must be from 0 to 1099511627776, not -1"},
      {"restart: {max_age: 366d}", "1:20: restart.max_age must be from 0s to 365d, not 366d"},
  });
}

TEST_F(ManifestTest, backoff_is_a_range_of_durations) {
  ASSERT_EQ(said("restart: {backoff: 1s}"), "");
  EXPECT_EQ(spec.restart.backoff_min, Duration{1s});
  EXPECT_EQ(spec.restart.backoff_max, Duration{1s});
  for (std::string_view bad :
       {"30s..100ms", "fast", "1s..", "..1s", "1s...2s", "0s..0s", "[1s, 2s]"}) {
    EXPECT_EQ(said("restart: {backoff: " + std::string{bad} + "}")
                  .rfind("trivet.yaml:1:20: restart.backoff must be a range of durations", 0),
              0u)
        << bad;
    ASSERT_TRUE(error.has_value());
    EXPECT_EQ(error->hint, "write it like 100ms..30s");
  }
}

TEST_F(ManifestTest, breaker_is_read_within_its_bounds) {
  ASSERT_EQ(said("restart: {breaker: {failures: 7, window: 20s, cooldown: 3s}}"), "");
  EXPECT_EQ(spec.restart.breaker.failures, 7);
  EXPECT_EQ(spec.restart.breaker.window, Duration{20s});
  EXPECT_EQ(spec.restart.breaker.cooldown, Duration{3s});
  spec = {};
  ASSERT_EQ(said("restart: {breaker: {failures: 0}}"), "");
  EXPECT_EQ(spec.restart.breaker.failures, 0);
  EXPECT_EQ(spec.restart.breaker.window, Duration{10s});
  EXPECT_EQ(spec.restart.breaker.cooldown, Duration{5s});
  for (std::string_view bad :
       {"{failures: -1}", "{failures: x}", "{window: 0s}", "{cooldown: soon}", "{cooldwn: 1s}"})
    EXPECT_NE(said("restart: {breaker: " + std::string{bad} + "}"), "") << bad;
}

TEST_F(ManifestTest, what_comes_later_is_refused_and_never_ignored) {
  const std::pair<std::string_view, std::string_view> table[] = {
      {"secrets: [KEY]", "1:10: secrets are not supported yet"},
      {"retry: {attempts: 3}", "1:8: retry is not supported yet"},
      {"input: schema/in.json", "1:8: input schemas are not supported yet"},
      {"triggers: [{cron: {schedule: \"* * * * *\"}}]", "1:19: cron triggers are not supported"},
      {"triggers:\n- webhook: {route: /x}", "2:12: webhook triggers are not supported yet"}};
  for (auto [text, message] : table) {
    EXPECT_EQ(said(text).rfind("trivet.yaml:" + std::string{message}, 0), 0u) << said(text);
    ASSERT_TRUE(error.has_value()) << text;
    EXPECT_EQ(error->code, ErrorCode::kNotSupported) << text;
    EXPECT_NE(error->hint.find("take it out"), std::string::npos) << text;
  }
}

TEST_F(ManifestTest, unknown_fields_are_refused_with_a_suggestion) {
  const std::tuple<std::string_view, std::string_view, std::string_view> table[] = {
      {"nmae: f", "1:1: unknown field \"nmae\"", "name"},
      {"name: f\nlimts: {}", "2:1: unknown field \"limts\"", "limits"},
      {"limits: {timeuot: 1s}", "1:10: unknown field \"limits.timeuot\"", "timeout"},
      {"scale: {maxx: 1}", "1:9: unknown field \"scale.maxx\"", "max"},
      {"restart: {backof: 1s}", "1:11: unknown field \"restart.backof\"", "backoff"},
      {"build: {command: a, outptu: b}", "1:21: unknown field \"build.outptu\"", "output"},
      {"triggers: [{htpp: {}}]", "1:13: unknown field \"triggers.htpp\"", "http"},
      {"triggers: [{http: {route: /x, atuh: none}}]", "1:31: unknown field \"triggers.http.atuh\"",
       "auth"}};
  for (auto [text, message, near] : table) {
    EXPECT_EQ(said(text), "trivet.yaml:" + std::string{message});
    ASSERT_TRUE(error.has_value()) << text;
    EXPECT_EQ(error->hint, "did you mean \"" + std::string{near} + "\"?");
  }
}

TEST_F(ManifestTest, routes_are_checked) {
  expect_refused(
      {{"triggers: [{http: {}}]", "1:19: an http trigger needs a route"},
       {"triggers: [{http: {route: x}}]", "1:27: the route's path must start with /, not \"x\""},
       {"triggers: [{http: {route: \"get /x\"}}]", "1:27: \"get\" is not a method"},
       {"triggers: [{http: {route: \"GET,FETCH /x\"}}]", "1:27: \"FETCH\" is not a method"},
       {"triggers: [{http: {route: \"GET /x y\"}}]",
        "1:27: the route's path must start with /, not \"/x y\""},
       {"triggers: [{http: {route: /x, auth: basic}}]",
        "1:37: triggers.http.auth must be one of none, not \"basic\""}});
  for (std::string_view taken : {"/v1/x", "/function/f", "/api/functions", "/healthz", "/readyz",
                                 "/metrics", "/openapi.json"})
    EXPECT_EQ(
        said("triggers: [{http: {route: " + std::string{taken} + "}}]"),
        "trivet.yaml:1:27: the path " + std::string{taken} + " is taken by the server itself");
}

TEST_F(ManifestTest, env_takes_values_from_the_environment) {
  ASSERT_EQ(said("env: {A: \"${HOST}:$$5 $x ${EMPTY}|\", B: 1, C: }"), "");
  EXPECT_EQ(spec.env["A"], "example.com:$5 $x |");
  EXPECT_EQ(spec.env["B"], "1");
  EXPECT_EQ(spec.env["C"], "");
  expect_refused(
      {{"env:\n  A: 1\n  B: ${NOBODY}", "3:6: env.B: the environment variable NOBODY is not set"},
       {"env: {B: \"${HOST\"}", "1:10: env.B: \"${\" without \"}\""},
       {"env: {\"A=B\": 1}", "1:6: \"A=B\" is not a name for an environment variable"},
       {"env: {\"\": 1}", "1:6: \"\" is not a name for an environment variable"}});
}

TEST_F(ManifestTest, build_needs_a_command_and_stays_in_the_folder) {
  ASSERT_EQ(said("build: {command: make}"), "");
  EXPECT_EQ(spec.build->output, "");
  expect_refused({{"build: {args: [x]}", "1:8: build.command is missing"},
                  {"build: {command: make, output: ../x}",
                   "1:32: build.output must lie in the function's folder"},
                  {"build: {command: make, output: /tmp/x}",
                   "1:32: build.output must lie in the function's folder"}});
}

TEST(ExpandVariables, dollar_signs_that_start_nothing_stay) {
  std::map<std::string, std::string> environment{{"A", "1"}, {"B", "${A}"}};
  EXPECT_EQ(*expand_variables("", environment), "");
  EXPECT_EQ(*expand_variables("$", environment), "$");
  EXPECT_EQ(*expand_variables("$A", environment), "$A");
  EXPECT_EQ(*expand_variables("$${A}", environment), "${A}");
  EXPECT_EQ(*expand_variables("${A}${A}", environment), "11");
  EXPECT_EQ(*expand_variables("${B}", environment), "${A}");  // once, never twice
  EXPECT_FALSE(expand_variables("${}", environment).ok());
  EXPECT_FALSE(expand_variables("${", environment).ok());
}

}  // namespace
}  // namespace trivet::catalog
