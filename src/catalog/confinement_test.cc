#include "catalog/confinement.h"

#include <gtest/gtest.h>

#include "catalog/scratch_test.h"

namespace trivet::catalog {
namespace {

using sandbox::Bind;
using sandbox::Level;

class ConfinementTest : public ::testing::Test {
 protected:
  // What reading `text` says; empty when all is well. The function is in `spec`.
  std::string said(const std::string& text) {
    spec = {};
    hint.clear();
    Unresolved open;
    auto tree = parse_yaml(text, "trivet.yaml");
    if (!tree) return "not YAML: " + tree.error().message;
    auto error = read_function(*tree, tree->root, {"/f", environment, data}, spec, open);
    if (!error) return "";
    EXPECT_EQ(error->code, ErrorCode::kInvalidManifest) << text;
    hint = error->hint;
    return error->message;
  }
  void expect_refused(const std::string& text, const std::string& message,
                      const std::string& advice) {
    EXPECT_EQ(said(text), "trivet.yaml:" + message) << text;
    EXPECT_NE(hint.find(advice), std::string::npos) << text << ": " << hint;
  }
  std::vector<std::string> weakened() const {
    std::vector<std::string> out;
    for (const auto& w : weakenings(spec)) out.push_back(w.what + " by " + std::string{w.by});
    return out;
  }
  std::string path(const std::string& name) const { return (scratch / name).string(); }

  Scratch scratch;
  std::filesystem::path data = scratch / "data";
  std::map<std::string, std::string> environment;
  FunctionSpec spec;
  std::string hint;
};

TEST_F(ConfinementTest, nothing_said_is_the_default_and_weakens_nothing) {
  ASSERT_EQ(said("name: f"), "");
  EXPECT_EQ(spec.policy, sandbox::Policy{});
  EXPECT_EQ(spec.policy.level, Level::kSandbox);
  EXPECT_FALSE(spec.level_given);
  EXPECT_EQ(spec.limits.log_bytes_per_second, limits::kLogRateDefault);
  EXPECT_EQ(weakened(), std::vector<std::string>{});
  ASSERT_EQ(said("sandbox: {}\nlimits: {}"), "");
  EXPECT_EQ(spec.policy, sandbox::Policy{});
  ASSERT_EQ(said("sandbox: {level: ~, net: ~, read: ~, write: []}"), "");
  EXPECT_EQ(spec.policy, sandbox::Policy{});
}

TEST_F(ConfinementTest, every_field_is_read) {
  scratch.write("in/a", "");
  scratch.write("out/a", "");
  ASSERT_EQ(said("limits: {memory: 256MiB, cpu: 1.5, pids: 64, files: 99, disk: 1GiB, logs: 2MiB}\n"
                 "sandbox:\n  level: strict\n  net: [API.example.com:443, '[2001:db8::1]:80']\n"
                 "  read: [" +
                 path("out") + ", " + path("in/a") +
                 "]\n"
                 "  write: " +
                 path("out") + "/\n"),
            "");
  EXPECT_EQ(spec.policy.level, Level::kStrict);
  EXPECT_TRUE(spec.level_given);
  EXPECT_EQ(spec.policy.limits,
            (sandbox::Limits{int64_t{256} << 20, 150, 64, 99, int64_t{1} << 30, true}));
  EXPECT_EQ(spec.limits.log_bytes_per_second, size_t{2} << 20);
  EXPECT_EQ(spec.policy.binds, (std::vector<Bind>{{path("in/a"), false}, {path("out"), true}}));
  EXPECT_EQ(spec.policy.net,
            (std::vector<sandbox::NetRule>{{"api.example.com", 443}, {"2001:db8::1", 80}}));
  EXPECT_FALSE(spec.policy.host_network);
  EXPECT_EQ(weakened(),
            (std::vector<std::string>{
                "net api.example.com:443 by manifest", "net [2001:db8::1]:80 by manifest",
                "read " + path("in/a") + " by manifest", "write " + path("out") + " by manifest"}));
}

TEST_F(ConfinementTest, a_memory_limit_is_asked_for_by_whoever_writes_it) {
  for (auto [text, is_asked] : {std::pair{"name: f", false},
                                {"limits: {cpu: 1}", false},
                                {"limits: {memory: ~}", false},
                                {"limits: {memory: none}", false},
                                {"limits: {memory: 512MiB}", true}}) {
    ASSERT_EQ(said(text), "");
    EXPECT_EQ(spec.policy.limits.memory_is_asked, is_asked) << text;
  }
}

TEST_F(ConfinementTest, what_the_machine_lacks_weakens_those_that_did_not_ask_for_it) {
  sandbox::Layer lacking{"memory-limit", Level::kProcess, false, false, "no groups", "make some"};
  sandbox::Layer there{"cpu-limit", Level::kProcess, true, false, "", ""};
  for (auto [text, is_weakened, is_needed] :
       {std::tuple{"name: f", true, false},
        {"limits: {memory: none}", false, false},
        {"limits: {memory: 512MiB}", false, true},
        {"limits: {memory: 64MiB}\nsandbox: {level: trusted}", false, false},
        {"sandbox: {level: process}", true, false}}) {
    ASSERT_EQ(said(text), "");
    auto found = weakenings_by_machine(spec, {lacking, there});
    EXPECT_EQ(found, is_weakened ? (std::vector<Weakening>{{"memory-limit: no groups", "machine"}})
                                 : std::vector<Weakening>{})
        << text;
    EXPECT_EQ(needs(spec, lacking), is_needed) << text;
  }
  ASSERT_EQ(said("limits: {cpu: 1}"), "");
  EXPECT_TRUE(needs(spec, there));
  EXPECT_FALSE(needs(spec, {"landlock", Level::kSandbox, false, false, "", ""}));
  EXPECT_TRUE(needs(spec, {"seccomp", Level::kSandbox, false, true, "", ""}));
}

TEST_F(ConfinementTest, cpu_is_processors_or_percent_of_one) {
  for (auto [text, percent] : {std::pair{"1", 100},
                               {"1.0", 100},
                               {"0.5", 50},
                               {"2.25", 225},
                               {"150%", 150},
                               {"1%", 1},
                               {"0.01", 1},
                               {"1024", 102400}}) {
    EXPECT_EQ(said("limits: {cpu: " + std::string{text} + "}"), "");
    EXPECT_EQ(spec.policy.limits.cpu_percent, percent) << text;
  }
  for (std::string text : {"0", "0.009", "-1", "1025", "two", "1e3", "50 %", "nan", "inf"})
    expect_refused("limits: {cpu: " + text + "}",
                   "1:15: limits.cpu must be from 0.01 to 1024 processors, not \"" + text + "\"",
                   "1.5 or 150%");
  expect_refused("limits: {cpu: [1]}", "1:15: limits.cpu must be from 0.01 to 1024 processors",
                 "1.5 or 150%");
}

TEST_F(ConfinementTest, limits_have_a_least_and_a_most) {
  expect_refused("limits: {memory: 15MiB}",
                 "1:18: limits.memory must be from 16MiB to 1TiB, not 15MiB", "");
  expect_refused("limits: {memory: 2TiB}",
                 "1:18: limits.memory must be from 16MiB to 1TiB, not 2TiB", "");
  expect_refused("limits: {pids: 0}", "1:16: limits.pids must be from 1 to 65536, not 0", "");
  expect_refused("limits: {files: 15}", "1:17: limits.files must be from 16 to 1048576, not 15",
                 "");
  expect_refused("limits: {disk: 1}", "1:16: limits.disk must be from 64KiB to 1TiB, not 1", "");
  expect_refused("limits: {logs: 2GiB}", "1:16: limits.logs must be from 1KiB to 1GiB, not 2GiB",
                 "");
  EXPECT_EQ(said("limits: {memory: 16MiB, pids: 65536, files: 16, disk: 64KiB, logs: 1GiB}"), "");
  EXPECT_EQ(said("limits: {memory: 1TiB, pids: 1, files: 1048576, disk: 1TiB, logs: 1KiB}"), "");
}

TEST_F(ConfinementTest, none_lifts_a_limit_and_is_a_weakening) {
  ASSERT_EQ(
      said("limits: {memory: none, cpu: none, pids: none, files: none, disk: none, logs: none}"),
      "");
  EXPECT_EQ(spec.policy.limits, (sandbox::Limits{0, 0, 0, 0, 0}));
  EXPECT_EQ(spec.limits.log_bytes_per_second, 0u);
  EXPECT_EQ(weakened(),
            (std::vector<std::string>{"memory none by manifest", "pids none by manifest",
                                      "files none by manifest", "disk none by manifest",
                                      "logs none by manifest"}));
}

TEST_F(ConfinementTest, unknown_levels_and_fields_are_refused_with_a_suggestion) {
  expect_refused("sandbox: {level: sandbx}",
                 "1:18: sandbox.level must be one of trusted, process, sandbox, strict, not "
                 "\"sandbx\"",
                 "did you mean \"sandbox\"?");
  expect_refused("sandbox: {levl: strict}", "1:11: unknown field \"sandbox.levl\"", "level");
  expect_refused("sandbox: strict", "1:10: sandbox must be a map, not text", "");
  expect_refused("sandbox: {read: {a: b}}", "1:17: sandbox.read must be a list, not a map", "");
  expect_refused("sandbox: {net: [[a]]}", "1:17: each item of sandbox.net must be text", "");
}

TEST_F(ConfinementTest, paths_that_cannot_be_shown_are_refused) {
  scratch.write("data/artifacts/x", "");
  scratch.write("other/x", "");
  std::filesystem::create_symlink("/proc", scratch / "to-proc");
  std::filesystem::create_symlink("/", scratch / "to-root");
  std::filesystem::create_symlink(data, scratch / "to-data");
  const std::tuple<std::string, std::string, std::string> table[] = {
      {"data", "is not an absolute path", "/srv/data"},
      {"", "is not an absolute path", "/srv/data"},
      {"~/data", "is not an absolute path", "/srv/data"},
      {path("other/../other"), "has .. in it", "write the path"},
      {path("missing"), "does not exist", "create it, or take it out of sandbox.read"},
      {"/", "is all of this machine", "no more"},
      {"//", "is all of this machine", "no more"},
      {"/.", "is all of this machine", "no more"},
      {"/proc", "belongs to the system: /proc", "no more"},
      {"/proc/self/", "belongs to the system: /proc", "no more"},
      {"/sys", "belongs to the system: /sys", "no more"},
      {"/dev/null", "belongs to the system: /dev", "no more"},
      {path("data"), "is in trivet's own folder, " + path("data"), "no more"},
      {path("data/artifacts"), "is in trivet's own folder, " + path("data"), "no more"},
      {path(""), "holds trivet's own folder, " + path("data"), "no more"},
      {path("to-proc"), "leads to /proc, which belongs to the system: /proc", "no more"},
      {path("to-root"), "leads to /, which is all of this machine", "no more"},
      {path("to-data"),
       "leads to " + path("data") + ", which is in trivet's own folder, " + path("data"),
       "no more"}};
  for (const auto& [given, what, advice] : table)
    expect_refused("sandbox: {read: [\"" + given + "\"]}",
                   "1:18: sandbox.read: \"" + given + "\" " + what, advice);
  expect_refused("sandbox: {write: [/dev]}",
                 "1:19: sandbox.write: \"/dev\" belongs to the system: /dev", "no more");
  EXPECT_EQ(said("sandbox: {read: [" + path("other") + "/]}"), "");
  EXPECT_EQ(spec.policy.binds, (std::vector<Bind>{{path("other"), false}}));
  // Beside it, with a name that begins alike.
  scratch.write("data-of-users/x", "");
  EXPECT_EQ(said("sandbox: {read: [" + path("data-of-users") + "]}"), "");
}

TEST_F(ConfinementTest, addresses_are_refused_where_they_stand) {
  EXPECT_EQ(
      said("sandbox:\n  net:\n  - a.example:80\n  - '*.example:80'\n"),
      "trivet.yaml:4:5: sandbox.net: \"*.example:80\" is a pattern, and rules name one host each");
  EXPECT_NE(hint.find("level: process"), std::string::npos);
  expect_refused("sandbox: {net: [\"169.254.169.254:80\"]}",
                 "1:17: sandbox.net: \"169.254.169.254:80\" is link-local, where clouds have their "
                 "metadata: no function is let through to it",
                 "level: process");
  ASSERT_EQ(said("sandbox: {net: [a.b:1, A.B:1]}"), "");
  EXPECT_EQ(spec.policy.net.size(), 1u);
}

TEST_F(ConfinementTest, lists_have_a_most) {
  std::string many;
  for (size_t i = 0; i <= limits::kNetRulesMax; ++i) many += "h" + std::to_string(i) + ":1,";
  expect_refused("sandbox: {net: [" + many + "]}",
                 "1:16: sandbox.net has 65 entries, and 64 is the most", "");
}

TEST_F(ConfinementTest, lists_without_meaning_at_a_level_are_refused) {
  scratch.write("in/a", "");
  const std::string lists[] = {"net: [a.b:1]", "read: [" + path("in") + "]",
                               "write: [" + path("in") + "]"};
  for (std::string level : {"trusted", "process"})
    for (const auto& list : lists) {
      std::string text = said("sandbox: {level: " + level + ", " + list + "}");
      EXPECT_NE(text.find("has no meaning at level " + level), std::string::npos) << text;
      EXPECT_NE(hint.find("level: sandbox"), std::string::npos);
    }
}

TEST_F(ConfinementTest, a_heap_has_three_quarters_of_the_memory) {
  sandbox::Policy policy;
  policy.limits.memory_bytes = int64_t{512} << 20;
  EXPECT_EQ(heap_mib(policy), 384);
  policy.limits.memory_bytes = int64_t{16} << 20;
  EXPECT_EQ(heap_mib(policy), 12);
  policy.limits.memory_bytes = 0;
  int64_t of_machine = heap_mib(policy);
  EXPECT_GT(of_machine, 12);
  policy.limits.memory_bytes = int64_t{16} << 20;
  policy.level = Level::kTrusted;
  EXPECT_EQ(heap_mib(policy), of_machine);
}

TEST_F(ConfinementTest, the_operators_level_is_the_default_and_the_floor) {
  for (Level floor : {Level::kTrusted, Level::kProcess, Level::kSandbox, Level::kStrict}) {
    ASSERT_EQ(said("name: f"), "");
    EXPECT_FALSE(settle_level(spec, floor));
    EXPECT_EQ(spec.policy.level, floor);
    bool weak = floor < Level::kSandbox;
    EXPECT_EQ(weakened(),
              weak ? std::vector<std::string>{"level " + std::string{name(floor)} + " by operator"}
                   : std::vector<std::string>{});
    for (Level own : {Level::kTrusted, Level::kProcess, Level::kSandbox, Level::kStrict}) {
      ASSERT_EQ(said("name: f\nsandbox: {level: " + std::string{name(own)} + "}"), "");
      auto error = settle_level(spec, floor);
      EXPECT_EQ(error.has_value(), own < floor);
      EXPECT_EQ(spec.policy.level, own);
      if (!error) continue;
      EXPECT_EQ(error->code, ErrorCode::kInvalidManifest);
      EXPECT_NE(error->hint.find("--sandbox " + std::string{name(own)}), std::string::npos);
      EXPECT_NE(error->hint.find("{level: " + std::string{name(floor)} + "}"), std::string::npos);
    }
  }
  ASSERT_EQ(said("sandbox: {level: process}"), "");
  EXPECT_EQ(weakened(), std::vector<std::string>{"level process by manifest"});
}

}  // namespace
}  // namespace trivet::catalog
