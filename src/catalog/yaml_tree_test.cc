#include "catalog/yaml_tree.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "catalog/scratch_test.h"

namespace trivet::catalog {
namespace {

using namespace std::string_view_literals;

YamlTree parsed(std::string_view text) {
  auto tree = parse_yaml(text, "m.yaml");
  EXPECT_TRUE(tree.ok()) << text.substr(0, 100) << ": " << tree.error().message;
  return tree ? std::move(*tree) : YamlTree{};
}

std::string refused(std::string_view text) {
  auto tree = parse_yaml(text, "m.yaml");
  if (tree) return "accepted";
  EXPECT_EQ(tree.error().code, ErrorCode::kInvalidManifest);
  return tree.error().message;
}

std::string repeated(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

TEST(YamlTree, every_kind_of_node_is_told_apart) {
  auto tree = parsed("text: a\nlist: [1, 2]\nmap: {k: v}\nnothing:\ntilde: ~\n");
  ASSERT_TRUE(tree.root.is_map());
  EXPECT_EQ(tree.root.kind_text(), "a map");
  EXPECT_EQ(tree.root.find("text")->kind_text(), "text");
  EXPECT_EQ(tree.root.find("text")->text, "a");
  EXPECT_EQ(tree.root.find("list")->kind_text(), "a list");
  EXPECT_EQ(tree.root.find("list")->items.at(1).text, "2");
  EXPECT_EQ(tree.root.find("map")->find("k")->text, "v");
  EXPECT_EQ(tree.root.find("nothing")->kind_text(), "nothing");
  EXPECT_EQ(tree.root.find("tilde")->kind, YamlNode::Kind::kNull);
  EXPECT_EQ(tree.root.find("absent"), nullptr);
}

TEST(YamlTree, keys_keep_their_order) {
  auto tree = parsed("z: 1\na: 2\nm: 3\n");
  ASSERT_EQ(tree.root.members.size(), 3u);
  EXPECT_EQ(tree.root.members[0].key.text, "z");
  EXPECT_EQ(tree.root.members[1].key.text, "a");
  EXPECT_EQ(tree.root.members[2].key.text, "m");
}

TEST(YamlTree, lines_and_columns_count_from_one) {
  auto tree = parsed("# comment\nname: x\nscale:\n  max: 9\nargs: [a, bc]\n");
  auto where = [](const YamlNode& n) { return std::pair{n.line, n.column}; };
  EXPECT_EQ(where(tree.root.members[0].key), std::pair(2, 1));
  EXPECT_EQ(where(*tree.root.find("name")), std::pair(2, 7));
  EXPECT_EQ(where(*tree.root.find("scale")), std::pair(4, 3));
  EXPECT_EQ(where(*tree.root.find("scale")->find("max")), std::pair(4, 8));
  EXPECT_EQ(where(*tree.root.find("args")), std::pair(5, 7));
  EXPECT_EQ(where(tree.root.find("args")->items.at(1)), std::pair(5, 11));
  EXPECT_EQ(tree.error(*tree.root.find("scale")->find("max"), "bad").message, "m.yaml:4:8: bad");
}

TEST(YamlTree, quotes_are_remembered) {
  auto tree = parsed("a: \"3.10\"\nb: 3.10\nc: '~'\n");
  EXPECT_TRUE(tree.root.find("a")->quoted);
  EXPECT_EQ(tree.root.find("a")->text, "3.10");
  EXPECT_FALSE(tree.root.find("b")->quoted);
  EXPECT_EQ(tree.root.find("b")->text, "3.10");
  EXPECT_TRUE(tree.root.find("c")->is_scalar());
  EXPECT_EQ(tree.root.find("c")->text, "~");
}

TEST(YamlTree, nothing_at_all_is_nothing) {
  for (std::string_view text : {"", "\n\n", "# only a comment\n", "---\n", "~"})
    EXPECT_EQ(parsed(text).root.kind, YamlNode::Kind::kNull) << text;
}

TEST(YamlTree, aliases_are_expanded) {
  auto tree = parsed("a: &x {k: [1, 2]}\nb: *x\n");
  ASSERT_TRUE(tree.root.find("b")->is_map());
  EXPECT_EQ(tree.root.find("b")->find("k")->items.size(), 2u);
}

TEST(YamlTree, alias_inside_itself_is_refused) {
  EXPECT_EQ(refused("a: &x [1, *x]\n"), "m.yaml:1:11: an alias to something that is not whole yet");
}

TEST(YamlTree, unknown_alias_is_refused_where_it_stands) {
  EXPECT_EQ(refused("a: 1\nb: *nobody\n").rfind("m.yaml:2:", 0), 0u);
}

TEST(YamlTree, duplicate_key_is_refused_at_the_second) {
  EXPECT_EQ(refused("name: a\nruntime: b\nname: c\n"), "m.yaml:3:1: the key \"name\" stands twice");
  EXPECT_EQ(refused("env: {A: 1, B: 2, \"A\": 3}\n"), "m.yaml:1:19: the key \"A\" stands twice");
  EXPECT_EQ(refused("a: {x: 1}\nb: {x: 1}\n"), "accepted");
}

TEST(YamlTree, key_that_is_no_text_is_refused) {
  EXPECT_EQ(refused("? [a, b]\n: 1\n"), "m.yaml:1:3: a key must be plain text");
  EXPECT_EQ(refused("? {a: b}\n: 1\n"), "m.yaml:1:3: a key must be plain text");
  EXPECT_EQ(refused("~: 1\n"), "m.yaml:1:1: a key must be plain text");
}

TEST(YamlTree, tab_as_indentation_is_refused_with_its_line) {
  EXPECT_EQ(refused("limits:\n\ttimeout: 1s\n").rfind("m.yaml:2:", 0), 0u);
  EXPECT_EQ(refused("limits:\n  timeout: 1s\n\tpayload: 1\n").rfind("m.yaml:3:", 0), 0u);
}

TEST(YamlTree, broken_syntax_is_refused_with_its_line) {
  for (std::string_view text :
       {"a: 1\nb: [1, 2\n", "a: 1\nb: }\n", "a: 1\n b: 2\n", "a: 1\nb: 'x' y\n"})
    EXPECT_EQ(refused(text).rfind("m.yaml:", 0), 0u) << text;
  EXPECT_EQ(refused("a: 1\nb: }\n").rfind("m.yaml:2:", 0), 0u) << refused("a: 1\nb: }\n");
}

TEST(YamlTree, second_document_is_refused) {
  EXPECT_NE(refused("a: 1\n---\nb: 2\n").find("a second YAML document"), std::string::npos);
  EXPECT_EQ(refused("a: 1\n---\n"), "accepted");
  EXPECT_EQ(refused("---\na: 1\n...\n"), "accepted");
}

TEST(YamlTree, depth_is_limited) {
  int most = static_cast<int>(limits::kManifestDepth);
  EXPECT_EQ(refused(repeated("[", most) + repeated("]", most)), "accepted");
  EXPECT_NE(refused(repeated("[", most + 1) + repeated("]", most + 1)).find("nested deeper than"),
            std::string::npos);
  EXPECT_NE(refused(repeated("{a: ", most + 1) + "1" + repeated("}", most + 1))
                .find("nested deeper than 32 levels"),
            std::string::npos);
  EXPECT_NE(refused(repeated("- ", most + 1) + "x").find("nested deeper than"), std::string::npos);
}

TEST(YamlTree, abyss_is_refused_and_overflows_no_stack) {
  EXPECT_NE(refused(repeated("[", 100'000)).find("nested deeper than"), std::string::npos);
  EXPECT_NE(refused(repeated("{a: ", 100'000)).find("nested deeper than"), std::string::npos);
  EXPECT_NE(refused(repeated("- ", 5'000)), "accepted");
  EXPECT_NE(refused(repeated("? ", 5'000)), "accepted");
}

TEST(YamlTree, number_of_values_is_limited) {
  EXPECT_EQ(refused("a: [" + repeated("1, ", 15'000) + "1]"), "accepted");
  EXPECT_NE(refused("a: [" + repeated("1, ", 25'000) + "1]").find("more than 20000 values"),
            std::string::npos);
  EXPECT_NE(refused(repeated("- []\n", 25'000)).find("more than 20000 values"), std::string::npos);
}

TEST(YamlTree, alias_bomb_is_refused) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int k = 0; k < 9; ++k) bomb += ", " + before;
    bomb += "]\n";
  }
  EXPECT_NE(refused(bomb).find("once aliases are expanded"), std::string::npos);
}

TEST(YamlTree, alias_bomb_of_one_long_text_is_refused) {
  std::string bomb = "a: &a \"" + std::string(500'000, 'x') + "\"\nb: [" + repeated("*a, ", 1000);
  EXPECT_NE(refused(bomb + "*a]\n").find("once aliases are expanded"), std::string::npos);
}

TEST(YamlTree, size_is_limited) {
  std::string text = "a: 1\n#";
  text.resize(limits::kManifestMax, 'x');
  EXPECT_EQ(refused(text), "accepted");
  EXPECT_EQ(refused(text + "x"), "m.yaml:1:1: the manifest is larger than 1MiB");
}

TEST(YamlTree, what_is_not_text_is_refused) {
  EXPECT_EQ(refused("a: \xff\xfe\n"), "m.yaml:1:1: the manifest is not UTF-8");
  EXPECT_EQ(refused("a: \0b\n"sv), "m.yaml:1:1: the manifest has a zero byte");
  EXPECT_EQ(parsed("a: é€🚀\n").root.find("a")->text, "é€🚀");
}

TEST(ReadYaml, file_that_cannot_be_read_is_an_io_error) {
  Scratch scratch;
  auto tree = read_yaml(scratch / "absent.yaml");
  ASSERT_FALSE(tree.ok());
  EXPECT_EQ(tree.error().code, ErrorCode::kIo);
  EXPECT_NE(tree.error().message.find("absent.yaml"), std::string::npos);
}

TEST(ReadYaml, file_over_the_size_limit_is_refused) {
  Scratch scratch;
  auto tree = read_yaml(scratch.write("big.yaml", std::string(limits::kManifestMax + 1, '#')));
  ASSERT_FALSE(tree.ok());
  EXPECT_EQ(tree.error().code, ErrorCode::kInvalidManifest);
  EXPECT_NE(tree.error().message.find("larger than 1MiB"), std::string::npos);
}

TEST(ReadYaml, positions_name_the_file) {
  Scratch scratch;
  auto file = scratch.write("f.yaml", "name: x\n");
  auto tree = read_yaml(file);
  ASSERT_TRUE(tree.ok());
  EXPECT_EQ(tree->error(*tree->root.find("name"), "no").message, file.string() + ":1:7: no");
}

}  // namespace
}  // namespace trivet::catalog
