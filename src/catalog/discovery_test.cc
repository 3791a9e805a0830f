#include "catalog/discovery.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "catalog/toys_test.h"

namespace trivet::catalog {
namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

class DiscoveryTest : public ::testing::Test {
 protected:
  void look() { found = discover(toys.input()); }
  Names names() const {
    Names out;
    for (const auto& spec : found.functions) out.push_back(spec.name);
    std::sort(out.begin(), out.end());
    return out;
  }
  const FunctionSpec& function(std::string_view name) const {
    for (const auto& spec : found.functions)
      if (spec.name == name) return spec;
    ADD_FAILURE() << "no function " << name;
    static const FunctionSpec kNone;
    return kNone;
  }
  // What is wrong with a function; "" when nothing is.
  std::string problem(std::string_view name) const {
    for (const auto& p : found.problems)
      if (p.function == name) return p.error.message;
    return "";
  }
  std::string all_problems() const {
    std::string out;
    for (const auto& p : found.problems) out += p.function + ": " + p.error.text() + "\n";
    return out;
  }

  Toys toys;
  Discovered found;
};

TEST_F(DiscoveryTest, folders_and_files_are_functions_of_their_names) {
  toys.write("one/trivet.yaml", "description: with a manifest\n");
  toys.write("one/main.toy");
  toys.write("two/index.toy");
  toys.write("three.toy");
  toys.write("notes.txt");
  toys.write("empty/notes.txt");
  look();
  EXPECT_EQ(names(), (Names{"one", "three", "two"})) << all_problems();
  EXPECT_EQ(all_problems(), "");
  EXPECT_EQ(function("one").description, "with a manifest");
  EXPECT_EQ(function("one").entrypoint, "main.toy");
  EXPECT_EQ(function("one").manifest_line, 1);
  EXPECT_EQ(function("two").entrypoint, "index.toy");
  EXPECT_EQ(function("two").dir, toys.functions() / "two");
  EXPECT_EQ(function("three").runtime, "toy");
  EXPECT_EQ(function("three").dir, toys.functions());
  EXPECT_EQ(function("three").manifest, toys.functions() / "three.toy");
  EXPECT_EQ(function("three").interface, "json");
  EXPECT_EQ(function("three").version.size(), 16u);
}

TEST_F(DiscoveryTest, functions_folder_of_a_project_is_looked_into) {
  toys.write("functions/a.toy");
  toys.write("functions/b/main.toy");
  toys.write("c.toy");
  look();
  EXPECT_EQ(names(), (Names{"a", "b", "c"})) << all_problems();
}

TEST_F(DiscoveryTest, functions_folder_is_no_function_itself) {
  toys.write("functions/main.toy");
  toys.write("functions/other.toy");
  look();
  EXPECT_EQ(names(), (Names{"main", "other"})) << all_problems();
}

TEST_F(DiscoveryTest, project_in_the_functions_folder_is_read_once) {
  toys.write("functions/trivet.yaml", "functions: {a: {path: a}}\n");
  toys.write("functions/a/main.toy");
  look();
  EXPECT_EQ(names(), Names{"a"}) << all_problems();
  EXPECT_EQ(all_problems(), "");
}

TEST_F(DiscoveryTest, lone_file_as_the_root_is_one_function) {
  toys.write("beside.toy");
  toys.root = toys.write("hello.toy");
  look();
  EXPECT_EQ(names(), Names{"hello"});
}

TEST_F(DiscoveryTest, lone_file_with_the_name_of_its_class_is_a_function_in_small_letters) {
  toys.root = toys.write("ResizeImage.toy");
  look();
  EXPECT_EQ(names(), Names{"resizeimage"}) << all_problems();
}

TEST_F(DiscoveryTest, root_that_is_one_function_is_named_after_its_folder) {
  toys.write("resize/main.toy");
  toys.write("resize/README.md");
  toys.root = toys.functions() / "resize";
  look();
  EXPECT_EQ(names(), Names{"resize"});
}

TEST_F(DiscoveryTest, root_with_main_beside_its_helpers_is_one_function) {
  toys.write("main.toy");
  toys.write("other.toy");
  look();
  EXPECT_EQ(names(), Names{"functions"});
  EXPECT_FALSE(function("functions").lone);
}

TEST_F(DiscoveryTest, root_with_main_beside_a_described_function_is_a_folder_of_functions) {
  toys.write("main.toy");
  toys.write("other/trivet.yaml", "entrypoint: a.toy\n");
  toys.write("other/a.toy");
  look();
  EXPECT_EQ(names(), (Names{"main", "other"})) << all_problems();
  EXPECT_TRUE(function("main").lone);
  EXPECT_FALSE(function("other").lone);
}

TEST_F(DiscoveryTest, broken_manifest_is_filed_under_the_name_that_it_tells) {
  toys.write("a/trivet.yaml", "name: field\nbogus: 1\n");
  toys.write("b/trivet.yaml", "env: {A: 1\nname: yaml # called so\n");
  toys.write("c/trivet.yaml", "name: [c]\n");
  look();
  Names filed;
  for (const auto& problem : found.problems) filed.push_back(problem.function);
  EXPECT_EQ(filed, (Names{"field", "yaml", "c"}));
}

TEST_F(DiscoveryTest, root_that_is_gone_is_a_problem) {
  toys.root = toys.functions() / "none";
  look();
  EXPECT_EQ(names(), Names{});
  ASSERT_EQ(found.problems.size(), 1u);
  EXPECT_EQ(found.problems[0].error.code, ErrorCode::kIo);
}

TEST_F(DiscoveryTest, hidden_fetched_and_declared_files_are_passed_over) {
  toys.add("ts", {".ts", ".go"}, {"main.ts"}, 10);
  for (std::string_view file : {".hidden.toy", "node_modules/main.toy", "__pycache__/main.toy",
                                ".git/main.toy", "types.d.ts", "a_test.go", "b.toy~"})
    toys.write(file);
  toys.write("real.ts");
  look();
  EXPECT_EQ(names(), Names{"real"});
}

TEST_F(DiscoveryTest, link_out_of_the_root_is_not_followed) {
  toys.scratch.write("outside/main.toy", "x");
  toys.scratch.write("outside.toy", "x");
  toys.write("inside/main.toy");
  fs::create_directory_symlink("../outside", toys.functions() / "leak");
  fs::create_symlink("../outside.toy", toys.functions() / "leaked.toy");
  fs::create_directory_symlink("inside", toys.functions() / "alias");
  look();
  EXPECT_EQ(names(), (Names{"alias", "inside"}));
}

TEST_F(DiscoveryTest, project_manifest_has_every_function) {
  toys.write("trivet.yaml",
             "functions:\n"
             "  a: {path: src/a, limits: {timeout: 3s}}\n"
             "  b: {entrypoint: b.toy}\n"
             "  c:\n"
             "  d: {path: src/d, limits: {timeout: never}}\n");
  toys.write("src/a/main.toy");
  toys.write("src/d/main.toy");
  toys.write("b.toy");
  toys.write("functions/c/main.toy");
  toys.write("stray.toy");
  look();
  EXPECT_EQ(names(), (Names{"a", "b", "c"})) << all_problems();
  EXPECT_EQ(function("a").limits.timeout, Duration{3s});
  EXPECT_EQ(function("a").dir, toys.functions() / "src/a");
  EXPECT_EQ(function("a").manifest_line, 2);
  EXPECT_EQ(function("b").dir, toys.functions());
  EXPECT_EQ(function("c").dir, toys.functions() / "functions/c");
  EXPECT_EQ(found.problems.size(), 1u);
  EXPECT_NE(problem("d").find("trivet.yaml:5:38: limits.timeout"), std::string::npos)
      << problem("d");
}

TEST_F(DiscoveryTest, project_paths_stay_below_the_project) {
  toys.write("trivet.yaml",
             "functions:\n"
             "  up: {path: ../outside}\n"
             "  deep: {path: a/../../outside}\n"
             "  absolute: {path: /tmp}\n"
             "  list: {path: [a]}\n"
             "  entry: {entrypoint: ../x.toy}\n");
  toys.scratch.write("outside/main.toy", "x");
  toys.write("main.toy");
  look();
  EXPECT_EQ(names(), Names{});
  std::string file = (toys.functions() / "trivet.yaml").string();
  EXPECT_EQ(problem("up"), file + ":2:14: path must lie below the project");
  EXPECT_EQ(problem("deep"), file + ":3:16: path must lie below the project");
  EXPECT_EQ(problem("absolute"), file + ":4:20: path must lie below the project");
  EXPECT_EQ(problem("list"), file + ":5:16: path must be one value, not a list");
  EXPECT_EQ(problem("entry"), file + ":6:23: the entrypoint must lie in the function's folder");
}

TEST_F(DiscoveryTest, project_manifest_takes_nothing_but_functions) {
  toys.write("trivet.yaml", "functions: {}\nname: x\n");
  look();
  EXPECT_NE(all_problems().find(":2:1: unknown field \"name\" in a project manifest"),
            std::string::npos);
  toys.write("trivet.yaml", "functions: [a]\n");
  look();
  EXPECT_NE(all_problems().find(":1:12: functions must be a map"), std::string::npos);
}

TEST_F(DiscoveryTest, name_used_twice_serves_neither) {
  toys.write("a.toy");
  toys.write("a/main.toy");
  toys.write("b/trivet.yaml", "name: c\n");
  toys.write("b/main.toy");
  toys.write("c.toy");
  toys.write("d.toy");
  look();
  EXPECT_EQ(names(), Names{"d"});
  EXPECT_EQ(found.problems.size(), 4u);
  EXPECT_NE(problem("a").find("the name \"a\" is used by"), std::string::npos);
  EXPECT_NE(problem("c").find("b/trivet.yaml and "), std::string::npos) << problem("c");
  EXPECT_EQ(found.problems[0].error.hint, "give one of them another");
}

class RouteTest : public DiscoveryTest {
 protected:
  void serve(const std::string& name, const std::string& route) {
    toys.write(name + "/main.toy");
    toys.write(name + "/trivet.yaml", "triggers: [{http: {route: \"" + route + "\"}}]\n");
  }
};

TEST_F(RouteTest, route_used_twice_serves_neither) {
  serve("a", "GET,POST /x");
  serve("b", "POST,PUT /x");
  serve("c", "DELETE /x");
  serve("d", "POST /y");
  look();
  EXPECT_EQ(names(), (Names{"c", "d"}));
  EXPECT_NE(problem("a").find("the route \"POST /x\" is used by a and b"), std::string::npos)
      << problem("a");
  EXPECT_EQ(problem("b").empty(), false);
}

TEST_F(RouteTest, route_for_any_method_clashes_with_one_for_a_method) {
  serve("a", "/x");
  serve("b", "POST /x");
  look();
  EXPECT_EQ(names(), Names{});
  EXPECT_NE(problem("b").find("the route \"POST /x\" is used by a and b"), std::string::npos)
      << problem("b");
}

TEST_F(RouteTest, function_may_repeat_its_own_route) {
  toys.write("a/main.toy");
  toys.write("a/trivet.yaml", "triggers: [{http: {route: /x}}, {http: {route: GET /x}}]\n");
  look();
  EXPECT_EQ(names(), Names{"a"}) << all_problems();
}

TEST_F(RouteTest, names_of_words_make_no_difference) {
  serve("a", "GET /x/{id}");
  serve("b", "GET /x/{name}");
  serve("c", "GET /x/all");
  serve("d", "GET /x/{id}/more");
  look();
  EXPECT_EQ(names(), (Names{"c", "d"}));
  EXPECT_NE(problem("a").find("is used by a and b"), std::string::npos) << problem("a");
}

TEST_F(DiscoveryTest, broken_functions_say_what_is_wrong) {
  toys.write("Up per.toy");
  toys.write("gone/trivet.yaml", "runtime: toy\nentrypoint: none.toy\n");
  toys.write("bare/trivet.yaml", "description: nothing else\n");
  toys.write("typo/trivet.yaml", "runtime: toyy\n");
  toys.write("typo/main.toy");
  toys.write("face/trivet.yaml", "interface: jsn\n");
  toys.write("face/main.toy");
  toys.write("pool/trivet.yaml", "interface: stdio\nmode: pool\n");
  toys.write("pool/main.toy");
  toys.write("odd/trivet.yaml", "entrypoint: main.txt\n");
  toys.write("odd/main.txt");
  toys.write("old/trivet.yaml", "runtime: toy@2\n");
  toys.write("old/main.toy");
  toys.write("yaml/trivet.yaml", "name: [\n");
  look();
  EXPECT_EQ(names(), Names{}) << all_problems();
  EXPECT_NE(problem("up per").find("\"up per\" is not a name"), std::string::npos);
  EXPECT_NE(problem("gone").find("gone/none.toy does not exist"), std::string::npos);
  EXPECT_NE(problem("gone").find("trivet.yaml:1: "), std::string::npos);
  EXPECT_NE(problem("bare").find("neither runtime nor entrypoint"), std::string::npos);
  EXPECT_NE(problem("typo").find("no runtime \"toyy\""), std::string::npos);
  EXPECT_NE(problem("face").find("has no interface \"jsn\""), std::string::npos);
  EXPECT_NE(problem("pool").find("stdio is one process per call"), std::string::npos);
  EXPECT_NE(problem("odd").find("no runtime runs main.txt"), std::string::npos);
  EXPECT_NE(problem("old").find("no toy here is 2; there is 3.11.2"), std::string::npos);
  EXPECT_NE(problem("yaml").find("yaml/trivet.yaml:"), std::string::npos);
  EXPECT_EQ(found.problems.size(), 9u);
}

TEST_F(DiscoveryTest, ten_broken_of_a_thousand_leave_990) {
  for (int i = 0; i < 1000; ++i) {
    std::string name = "f" + std::to_string(i);
    toys.write(name + "/main.toy");
    toys.write(name + "/trivet.yaml", i % 100 == 7 ? "limits: {timeout: x}\n" : "mode: pool\n");
  }
  look();
  EXPECT_EQ(found.functions.size(), 990u);
  EXPECT_EQ(found.problems.size(), 10u);
  EXPECT_NE(problem("f907").find("f907/trivet.yaml:1:19: "), std::string::npos);
  EXPECT_EQ(problem("f906"), "");
}

TEST_F(DiscoveryTest, alyx_schema_and_manifest_are_read) {
  toys.write("schema.yaml",
             "version: 1\n"
             "functions:\n"
             "  one: {runtime: toy, entrypoint: index.toy}\n"
             "  two: {runtime: {engine: toy, version: \">=3\"}, entrypoint: a.toy, path: src/two}\n"
             "  gone: {runtime: toy, entrypoint: a.toy}\n"
             "  lost: {runtime: toy, entrypoint: b.toy, path: src/two}\n");
  toys.write("functions/one/index.toy");
  toys.write("src/two/a.toy");
  look();
  EXPECT_EQ(names(), (Names{"one", "two"})) << all_problems();
  EXPECT_EQ(function("one").interface, "stdio");
  EXPECT_EQ(function("one").mode, Mode::kOneshot);
  EXPECT_EQ(function("two").runtime_version, ">=3");
  EXPECT_NE(problem("gone").find("functions/gone of function gone does not exist"),
            std::string::npos);
  EXPECT_NE(problem("lost").find("b.toy does not exist"), std::string::npos);
}

TEST_F(DiscoveryTest, alyx_manifests_and_other_yaml_files_live_side_by_side) {
  toys.write("mail/manifest.yaml", "name: send\nruntime: toy\nentrypoint: m.toy\n");
  toys.write("mail/m.toy");
  toys.write("other/manifest.yaml", "title: not ours\n");
  toys.write("other/schema.yaml", "tables: {}\n");
  toys.write("other/main.toy");
  look();
  EXPECT_EQ(names(), (Names{"other", "send"})) << all_problems();
  EXPECT_EQ(function("send").interface, "stdio");
  EXPECT_EQ(function("other").interface, "json");
}

}  // namespace
}  // namespace trivet::catalog
