#include "wire/text.h"

#include <gtest/gtest.h>

#include <vector>

namespace trivet::wire {
namespace {

using namespace std::string_view_literals;

TEST(ParseDuration, every_unit_and_their_sums_are_exact) {
  const std::pair<std::string_view, Duration> table[] = {
      {"30s", 30s},
      {"5m", 5min},
      {"100ms", 100ms},
      {"250us", 250us},
      {"1h30m", 90min},
      {"2d", 48h},
      {"30", 30s},
      {"0.5", 500ms},
      {"0", 0s},
      {"0s", 0s},
      {"1.5h", 90min},
      {"1h30m15s500ms", 5415500ms},
      {"0.29s", 290ms},
      {"4.35ms", 4350us},
      {"1.001us", 1001ns},
      {"30S", 30s},
      {"1.0000000001s", 1s},
      {"106751d", 106751 * 24h},
      {"9223372036854775.807us", Duration::max()}};
  for (auto [text, expected] : table) {
    auto parsed = parse_duration(text);
    ASSERT_TRUE(parsed.ok()) << text;
    EXPECT_EQ(parsed->count(), expected.count()) << text;
  }
}

TEST(ParseDuration, anything_else_is_refused_with_an_example) {
  for (std::string_view text : {"",
                                " ",
                                "s",
                                "-1s",
                                "+1s",
                                "1 s",
                                "1s ",
                                "1x",
                                "1.s",
                                ".5s",
                                "1.2.3s",
                                "1e3",
                                "1h30",
                                "30 ",
                                "1m2",
                                "0x10",
                                "inf",
                                "nan",
                                "1,5s",
                                "99999999999999999999s",
                                "106752d",
                                "300y",
                                "9223372036854775.808us",
                                "9e99d",
                                "\xff"}) {
    auto parsed = parse_duration(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidInput);
    EXPECT_NE(parsed.error().hint.find("30s"), std::string::npos);
  }
}

TEST(ParseSize, units_are_powers_of_1024_in_any_case) {
  const std::pair<std::string_view, size_t> table[] = {{"512", 512},
                                                       {"512B", 512},
                                                       {"10k", 10240},
                                                       {"64KiB", 65536},
                                                       {"128mb", 128u << 20},
                                                       {"256MiB", 256u << 20},
                                                       {"1gb", 1u << 30},
                                                       {"1.5KB", 1536},
                                                       {"0", 0},
                                                       {"2TiB", size_t{2} << 40},
                                                       {"2t", size_t{2} << 40},
                                                       {"9223372036854775807", INT64_MAX}};
  for (auto [text, expected] : table) {
    auto parsed = parse_size(text);
    ASSERT_TRUE(parsed.ok()) << text;
    EXPECT_EQ(*parsed, expected) << text;
  }
  EXPECT_EQ(*parse_size("128", 1 << 20), 128u << 20);
  EXPECT_EQ(*parse_size("128k", 1 << 20), 128u << 10);
}

TEST(ParseSize, anything_else_is_refused) {
  for (std::string_view text : {"", "MiB", "-1", "1 MiB", "1MiB ", "1.", ".5k", "1mbit", "1kk",
                                "0x1", "9223372036854775808", "9007199254740993t", "1e9"})
    EXPECT_FALSE(parse_size(text).ok()) << text;
}

TEST(FormatDuration, shortest_exact_form_is_chosen) {
  const std::pair<Duration, std::string_view> table[] = {
      {0s, "0s"},
      {30s, "30s"},
      {1500ms, "1.5s"},
      {250ms, "250ms"},
      {100ms, "100ms"},
      {5min, "5m"},
      {90s, "90s"},
      {90min, "90m"},
      {24h, "1d"},
      {36h, "36h"},
      {48h, "2d"},
      {1250ms, "1.25s"},
      {1234us, "1234us"},
      {500ns, "0.5us"},
      {1ns, "0.001us"},
      {-90s, "-90s"},
      {Duration::max(), "9223372036854775.807us"}};
  for (auto [duration, expected] : table) EXPECT_EQ(format_duration(duration), expected);
}

TEST(FormatSize, largest_whole_unit_is_chosen) {
  const std::pair<size_t, std::string_view> table[] = {{0, "0B"},
                                                       {512, "512B"},
                                                       {1024, "1KiB"},
                                                       {1536, "1536B"},
                                                       {32u << 20, "32MiB"},
                                                       {size_t{3} << 40, "3TiB"},
                                                       {size_t{5} << 50, "5120TiB"}};
  for (auto [bytes, expected] : table) {
    EXPECT_EQ(format_size(bytes), expected);
    EXPECT_EQ(*parse_size(expected), bytes);
  }
}

TEST(FunctionName, only_the_documented_alphabet_passes) {
  for (std::string_view good : {"a", "resize", "a-b_c9", "abcdefghij"})
    EXPECT_TRUE(is_function_name(good));
  EXPECT_TRUE(is_function_name(std::string(63, 'a')));
  EXPECT_FALSE(is_function_name(std::string(64, 'a')));
  for (std::string_view bad : {"", "A", "9a", "-a", "_a", "a.b", "../a", "a/b", "a b", "é", "a\n"})
    EXPECT_FALSE(is_function_name(bad)) << bad;
  EXPECT_FALSE(is_function_name("a\0"sv));
}

TEST(Nearest, close_word_is_suggested_and_a_far_one_is_not) {
  const std::vector<std::string> words{"timeout", "memory", "runtime", "env"};
  EXPECT_EQ(nearest("timeot", words), "timeout");
  EXPECT_EQ(nearest("tiemout", words), "timeout");
  EXPECT_EQ(nearest("runtme", words), "runtime");
  EXPECT_EQ(nearest("evn", words), "env");
  EXPECT_EQ(nearest("sandbox", words), "");
  EXPECT_EQ(nearest("", words), "");
  EXPECT_EQ(nearest(std::string(100'000, 'x'), words), "");
  EXPECT_EQ(nearest("x", std::vector<std::string>{}), "");
}

TEST(EditDistance, insertions_deletions_and_changes_count_one_each) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("abc", ""), 3u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("same", "same"), 0u);
}

struct Glob {
  std::string_view glob;
  std::vector<std::string_view> yes, no;
};

TEST(Glob, each_pattern_matches_what_it_says) {
  const Glob table[] = {
      {"", {""}, {"a"}},
      {"a.go", {"a.go"}, {"b/a.go", "a.g", "a.goo", ""}},
      {"*.go", {"a.go", ".go"}, {"b/a.go", "a.g"}},
      {"*", {"a", ""}, {"a/b", "/"}},
      {"src/*", {"src/a", "src/"}, {"src", "src/a/b"}},
      {"src/**", {"src/a", "src/a/b/c", "src/"}, {"src", "srcs/a"}},
      {"**", {"", "a", "a/b/c"}, {}},
      {"**/a", {"a", "x/a", "x/y/a"}, {"xa", "x/ya", "a/x"}},
      {"src/**/a.go", {"src/a.go", "src/x/a.go", "src/x/y/a.go"}, {"src/xa.go", "a.go"}},
      {"**/*.go", {"a.go", "x/a.go", "x/y/a.go"}, {"a.gox"}},
      {"**/x/**/y", {"x/y", "a/x/b/y", "x/x/y"}, {"xy", "x/by", "y"}},
      {"**.go", {"a.go", "x/a.go"}, {"a.c"}},
      {"a**b", {"ab", "axb", "a/x/b"}, {"ac"}},
      {"a**/b", {"a/b", "ax/b", "ax/y/b"}, {"ab"}},
      {"*a*b*c", {"abc", "xaxbxc", "aabbcc", "abcabc"}, {"abca", "acb"}},
      {"*/b*/c", {"a/b/c", "a/bb/c"}, {"a/x/b/c", "b/c"}},
      {"a?c", {"abc", "a?c"}, {"ac", "a/c", "abbc"}},
      {"[a-c]x", {"ax", "bx", "cx"}, {"dx", "x", "-x"}},
      {"[!a-c]x", {"dx", "-x"}, {"ax", "/x"}},
      {"[^a]", {"b"}, {"a", "/"}},
      {"a[/]b", {}, {"a/b"}},
      {"[a", {"[a"}, {"a"}},
      {"*.{ts,js}", {"a.ts", "a.js"}, {"a.go", "a.{ts,js}"}},
      {"{a,b}/{c,d}", {"a/c", "a/d", "b/c", "b/d"}, {"a/b"}},
      {"a{,b}", {"a", "ab"}, {"abb"}},
      {"a{b", {"a{b"}, {"ab"}},
      {"{}", {""}, {"{}"}},
  };
  for (const auto& row : table) {
    for (auto path : row.yes) EXPECT_TRUE(glob_match(row.glob, path)) << row.glob << " on " << path;
    for (auto path : row.no) EXPECT_FALSE(glob_match(row.glob, path)) << row.glob << " on " << path;
  }
}

TEST(Glob, hostile_pattern_ends_soon) {
  std::string path(4000, 'a');
  std::string stars, deep, braces;
  for (int i = 0; i < 1000; ++i) stars += "*a", deep += "**/";
  for (int i = 0; i < 500; ++i) braces += "{a,b,c}";
  EXPECT_FALSE(glob_match(stars + "b", path));
  EXPECT_FALSE(glob_match(deep + "*a*b", path));
  EXPECT_FALSE(glob_match(braces, path));
  EXPECT_FALSE(glob_match(std::string(5000, '*'), ""));
}

TEST(NoSource, hidden_fetched_and_editor_files_are_nobodys) {
  for (std::string_view name :
       {".git", ".env", "node_modules", "__pycache__", "a.py~", ".a.swp", "a.swp", ""})
    EXPECT_TRUE(is_no_source(name)) << name;
  for (std::string_view name : {"main.py", "modules", "swp", "a~b"})
    EXPECT_FALSE(is_no_source(name)) << name;
}

TEST(Utf8, only_well_formed_sequences_pass) {
  for (std::string_view good : {""sv, "plain"sv, "\0"sv, "é"sv, "€"sv, "🚀"sv, "\xf4\x8f\xbf\xbf"sv,
                                "\xed\x9f\xbf"sv, "12345678é1234567"sv})
    EXPECT_TRUE(is_utf8(good)) << good;
  for (std::string_view bad :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "12345678\xff", "1234567\xc3", "\xe2\x82"})
    EXPECT_FALSE(is_utf8(bad)) << bad;
  EXPECT_EQ(utf8_sequence(""), 0u);
  EXPECT_EQ(utf8_sequence("aé"), 1u);
  EXPECT_EQ(utf8_sequence("éa"), 2u);
  EXPECT_EQ(utf8_sequence("€"), 3u);
  EXPECT_EQ(utf8_sequence("🚀"), 4u);
}

}  // namespace
}  // namespace trivet::wire
