#include "catalog/reader.h"

#include <gtest/gtest.h>

namespace trivet::catalog {
namespace {

class ReaderTest : public ::testing::Test {
 protected:
  // What a reader says about `text` once `body` has read from it; empty when all is well.
  std::string said(std::string_view text, const std::function<void(Reader&)>& body,
                   std::string where = "") {
    auto parsed = parse_yaml(text, "m.yaml");
    if (!parsed) return "not YAML: " + parsed.error().message;
    tree = std::move(*parsed);
    Reader reader{tree, tree.root, std::move(where)};
    body(reader);
    auto error = reader.finish();
    hint = error ? error->hint : "";
    if (!error) return "";
    EXPECT_EQ(error->code, ErrorCode::kInvalidManifest);
    return error->message;
  }
  YamlTree tree;
  std::string hint;
};

TEST_F(ReaderTest, every_type_is_taken) {
  std::string text;
  std::vector<std::string> list, single;
  std::map<std::string, std::string> map{{"KEPT", "1"}};
  bool yes = false, no = true;
  int64_t wide = 0;
  int narrow = 0;
  double number = 0;
  Duration duration{};
  size_t size = 0, bare = 0;
  std::optional<size_t> choice;
  EXPECT_EQ(said("text: hello\nlist: [a, b]\nsingle: c\nmap: {K: v, N: }\nyes: on\nno: off\n"
                 "wide: -9\nnarrow: 7\nnumber: 1.5\nduration: 1m30s\nsize: 64KiB\nbare: 128\n"
                 "choice: eager\n",
                 [&](Reader& r) {
                   r.text("text", text);
                   r.texts("list", list);
                   r.texts("single", single);
                   r.text_map("map", map);
                   r.boolean("yes", yes);
                   r.boolean("no", no);
                   r.integer("wide", wide, int64_t{-10}, int64_t{10});
                   r.integer("narrow", narrow, 0, 10);
                   r.number("number", number, 0, 2);
                   r.duration("duration", duration, 1s, 1h);
                   r.size("size", size, 1, 1 << 20);
                   r.size("bare", bare, 1, size_t{1} << 40, 1 << 20);
                   choice = r.choice("choice", {"lazy", "eager"});
                 }),
            "");
  EXPECT_EQ(text, "hello");
  EXPECT_EQ(list, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(single, std::vector<std::string>{"c"});
  EXPECT_EQ(map, (std::map<std::string, std::string>{{"K", "v"}, {"KEPT", "1"}, {"N", ""}}));
  EXPECT_TRUE(yes);
  EXPECT_FALSE(no);
  EXPECT_EQ(wide, -9);
  EXPECT_EQ(narrow, 7);
  EXPECT_EQ(number, 1.5);
  EXPECT_EQ(duration, Duration{90s});
  EXPECT_EQ(size, 65536u);
  EXPECT_EQ(bare, 128u << 20);
  EXPECT_EQ(choice, 1u);
}

TEST_F(ReaderTest, missing_and_null_leave_the_target_as_it_is) {
  std::string text = "before";
  int number = 5;
  EXPECT_EQ(said("number: ~\n",
                 [&](Reader& r) {
                   r.text("text", text);
                   r.integer("number", number, 0, 9);
                   EXPECT_EQ(r.choice("word", {"a"}), std::nullopt);
                   EXPECT_EQ(r.take("number"), nullptr);
                 }),
            "");
  EXPECT_EQ(text, "before");
  EXPECT_EQ(number, 5);
}

TEST_F(ReaderTest, empty_document_reads_as_an_empty_map) {
  std::string text;
  EXPECT_EQ(said("", [&](Reader& r) { r.text("text", text); }), "");
}

TEST_F(ReaderTest, what_is_no_map_is_refused) {
  EXPECT_EQ(said("[a]", [](Reader&) {}), "m.yaml:1:1: the manifest must be a map, not a list");
  EXPECT_EQ(said(
                "x", [](Reader&) {}, "limits"),
            "m.yaml:1:1: limits must be a map, not text");
}

TEST_F(ReaderTest, unknown_key_is_refused_with_the_nearest_known_one) {
  std::string text;
  auto known = [&](Reader& r) { r.text("timeout", text), r.text("payload", text); };
  EXPECT_EQ(said("timeout: 1\ntiemout: 2\n", known), "m.yaml:2:1: unknown field \"tiemout\"");
  EXPECT_EQ(hint, "did you mean \"timeout\"?");
  EXPECT_EQ(said("elephants: 2\n", known, "limits"),
            "m.yaml:1:1: unknown field \"limits.elephants\"");
  EXPECT_EQ(hint, "");
}

TEST_F(ReaderTest, first_error_wins_over_later_ones_and_unknown_keys) {
  int a = 0, b = 0;
  EXPECT_EQ(said("zzz: 1\na: x\nb: y\n",
                 [&](Reader& r) {
                   r.integer("a", a, 0, 9);
                   EXPECT_TRUE(r.failed());
                   r.integer("b", b, 0, 9);
                 }),
            "m.yaml:2:4: a must be a whole number, not \"x\"");
}

TEST_F(ReaderTest, whole_numbers_are_whole_and_in_range) {
  int value = 3;
  auto read = [&](Reader& r) { r.integer("n", value, 1, 10); };
  for (std::string_view good : {"1", "10", "\"7\""})
    EXPECT_EQ(said("n: " + std::string{good}, read), "") << good;
  EXPECT_EQ(value, 7);
  EXPECT_EQ(said("n: 0", read), "m.yaml:1:4: n must be from 1 to 10, not 0");
  EXPECT_EQ(said("n: 11", read), "m.yaml:1:4: n must be from 1 to 10, not 11");
  EXPECT_EQ(said("n: 4294967297", read), "m.yaml:1:4: n must be from 1 to 10, not 4294967297");
  for (std::string_view bad : {"1.0", "0x1", "1e1", "ten", "\"\"", "1 2", "99999999999999999999"})
    EXPECT_NE(said("n: " + std::string{bad}, read).find("must be a whole number"),
              std::string::npos)
        << bad;
  EXPECT_EQ(said("n: [1]", read), "m.yaml:1:4: n must be one value, not a list");
  EXPECT_EQ(said("n: {a: 1}", read), "m.yaml:1:4: n must be one value, not a map");
  EXPECT_EQ(value, 7);
}

TEST_F(ReaderTest, numbers_are_finite_and_in_range) {
  double value = 0;
  auto read = [&](Reader& r) { r.number("n", value, 0.5, 4); };
  EXPECT_EQ(said("n: 0.5", read), "");
  EXPECT_EQ(said("n: 4", read), "");
  EXPECT_EQ(value, 4.0);
  for (std::string_view bad : {"0.4", "4.1", "nan", "inf", "-inf", "x", "1,5", "1.5x"})
    EXPECT_NE(said("n: " + std::string{bad}, read), "") << bad;
  EXPECT_EQ(value, 4.0);
}

TEST_F(ReaderTest, booleans_have_six_spellings) {
  bool value = false;
  auto read = [&](Reader& r) { r.boolean("b", value); };
  for (auto [text, expected] : {std::pair{"true", true},
                                {"no", false},
                                {"yes", true},
                                {"off", false},
                                {"on", true},
                                {"false", false}}) {
    value = !expected;
    EXPECT_EQ(said("b: " + std::string{text}, read), "");
    EXPECT_EQ(value, expected) << text;
  }
  for (std::string_view bad : {"1", "0", "maybe", "\"\""})
    EXPECT_NE(said("b: " + std::string{bad}, read).find("must be true or false"), std::string::npos)
        << bad;
}

TEST_F(ReaderTest, durations_and_sizes_are_in_range) {
  Duration duration{};
  size_t size = 0;
  auto time = [&](Reader& r) { r.duration("d", duration, 10ms, 1h); };
  auto bytes = [&](Reader& r) { r.size("s", size, 1024, 1 << 20); };
  EXPECT_EQ(said("d: 10ms", time), "");
  EXPECT_EQ(said("d: 1h", time), "");
  EXPECT_EQ(said("d: 9ms", time), "m.yaml:1:4: d must be from 10ms to 1h, not 9ms");
  EXPECT_EQ(said("d: 61m", time), "m.yaml:1:4: d must be from 10ms to 1h, not 61m");
  EXPECT_EQ(said("d: soon", time).rfind("m.yaml:1:4: d: ", 0), 0u);
  EXPECT_NE(hint.find("30s"), std::string::npos);
  EXPECT_EQ(said("s: 1KiB", bytes), "");
  EXPECT_EQ(said("s: 1023", bytes), "m.yaml:1:4: s must be from 1KiB to 1MiB, not 1023");
  EXPECT_EQ(said("s: 2MiB", bytes), "m.yaml:1:4: s must be from 1KiB to 1MiB, not 2MiB");
  EXPECT_EQ(said("s: huge", bytes).rfind("m.yaml:1:4: s: ", 0), 0u);
}

TEST_F(ReaderTest, choice_lists_the_words_and_suggests_one) {
  auto read = [](Reader& r) { r.choice("mode", {"pool", "oneshot"}); };
  EXPECT_EQ(said("mode: pol", read), "m.yaml:1:7: mode must be one of pool, oneshot, not \"pol\"");
  EXPECT_EQ(hint, "did you mean \"pool\"?");
  EXPECT_NE(said("mode: Pool", read), "");
  EXPECT_EQ(said("mode: elephant", read).empty(), false);
  EXPECT_EQ(hint, "");
}

TEST_F(ReaderTest, lists_and_maps_of_text_take_nothing_else) {
  std::vector<std::string> list;
  std::map<std::string, std::string> map;
  auto texts = [&](Reader& r) { r.texts("l", list); };
  auto pairs = [&](Reader& r) { r.text_map("m", map); };
  EXPECT_EQ(said("l: {a: b}", texts), "m.yaml:1:4: l must be a list, not a map");
  EXPECT_EQ(said("l: [a, [b]]", texts), "m.yaml:1:8: each item of l must be text");
  EXPECT_EQ(said("l: [a, ~]", texts), "m.yaml:1:8: each item of l must be text");
  EXPECT_EQ(said("m: [a]", pairs), "m.yaml:1:4: m must be a map, not a list");
  EXPECT_EQ(said("m: {a: [b]}", pairs), "m.yaml:1:8: m.a must be text");
}

TEST_F(ReaderTest, inner_maps_name_their_path) {
  int value = 0;
  auto read = [&](Reader& r) {
    r.map("outer",
          [&](Reader& o) { o.map("inner", [&](Reader& i) { i.integer("n", value, 0, 9); }); });
  };
  EXPECT_EQ(said("outer: {inner: {n: 4}}", read), "");
  EXPECT_EQ(value, 4);
  EXPECT_EQ(said("outer:\n  inner:\n    n: x\n", read),
            "m.yaml:3:8: outer.inner.n must be a whole number, not \"x\"");
  EXPECT_EQ(said("outer:\n  inner:\n    k: x\n", read),
            "m.yaml:3:5: unknown field \"outer.inner.k\"");
  EXPECT_EQ(said("outer: 5", read), "m.yaml:1:8: outer must be a map, not text");
}

TEST_F(ReaderTest, list_of_maps_reads_each_and_stops_at_the_first_error) {
  std::vector<std::string> names;
  auto read = [&](Reader& r) {
    names.clear();
    r.maps("all", [&](Reader& one) { one.text("name", names.emplace_back()); });
  };
  EXPECT_EQ(said("all: [{name: a}, {name: b}]", read), "");
  EXPECT_EQ(names, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(said("all:\n- {name: a}\n- {nam: b}\n- {name: c}\n", read),
            "m.yaml:3:4: unknown field \"all.nam\"");
  EXPECT_EQ(hint, "did you mean \"name\"?");
  EXPECT_EQ(names.size(), 2u);
  EXPECT_EQ(said("all: {name: a}", read), "m.yaml:1:6: all must be a list, not a map");
  EXPECT_EQ(said("all: [x]", read), "m.yaml:1:7: all must be a map, not text");
}

}  // namespace
}  // namespace trivet::catalog
