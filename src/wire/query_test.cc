#include "wire/query.h"

#include <gtest/gtest.h>

namespace trivet::wire {
namespace {

struct Good {
  std::string_view in, out;
};

TEST(PercentDecode, escapes_become_their_bytes) {
  const Good table[] = {
      {"", ""},       {"plain", "plain"},    {"a%20b", "a b"}, {"%2e%2E", ".."},
      {"a+b", "a+b"}, {"100%25", "100%"},    {"%2F", "/"},     {"%C3%A9", "é"},
      {"é", "é"},     {"%F0%9F%9A%80", "🚀"}, {"%2525", "%25"}, {"%7f", "\x7f"},
  };
  for (const auto& row : table) {
    auto decoded = percent_decode(row.in);
    ASSERT_TRUE(decoded.ok()) << row.in;
    EXPECT_EQ(*decoded, row.out);
  }
}

TEST(PercentDecode, what_is_no_escape_or_no_text_is_refused) {
  using namespace std::string_view_literals;
  for (std::string_view in :
       {"%"sv, "%2"sv, "a%"sv, "%zz"sv, "%2g"sv, "%-1"sv, "% 1"sv, "%%20"sv, "%00"sv, "a\0b"sv,
        "%ff"sv, "%C3"sv, "%C3%28"sv, "%ED%A0%80"sv, "%C0%AF"sv, "%F5%80%80%80"sv, "\xff"sv}) {
    auto decoded = percent_decode(in);
    ASSERT_FALSE(decoded.ok()) << in;
    EXPECT_EQ(decoded.error().code, ErrorCode::kInvalidRequest) << in;
  }
}

struct Split {
  std::string_view target, path, query;
};

TEST(SplitTarget, origin_absolute_and_asterisk_forms_are_split) {
  const Split table[] = {
      {"/", "/", ""},
      {"/a/b", "/a/b", ""},
      {"/a?", "/a", ""},
      {"/a?b=c&d", "/a", "b=c&d"},
      {"/a?b?c", "/a", "b?c"},
      {"/a?/../b", "/a", "/../b"},
      {"/%zz", "/%zz", ""},
      {"//a", "//a", ""},
      {"http://host/a?b", "/a", "b"},
      {"https://host:1/a", "/a", ""},
      {"http://host", "/", ""},
      {"http://host?b", "/", "b"},
      {"*", "*", ""},
  };
  for (const auto& row : table) {
    auto split = split_target(row.target);
    ASSERT_TRUE(split) << row.target;
    EXPECT_EQ(split->path, row.path) << row.target;
    EXPECT_EQ(split->query, row.query) << row.target;
  }
}

TEST(SplitTarget, any_other_form_is_refused) {
  using namespace std::string_view_literals;
  for (std::string_view target :
       {""sv, "a"sv, "host:80"sv, "?a"sv, "**"sv, "http://"sv, "http:///a"sv, "http://?a"sv,
        "ftp://host/"sv, "/a b"sv, "/a#b"sv, "/a?b#c"sv, "/a\tb"sv, "/a\r\nb"sv, "/\0"sv, "/\x7f"sv,
        "http://h#/a"sv})
    EXPECT_FALSE(split_target(target)) << target;
}

TEST(CheckPath, path_that_means_only_itself_passes) {
  for (std::string_view path :
       {"/", "/a", "/a/", "/a/b", "/a//b", "/a//", "/...", "/.a", "/a.", "/..a", "/a..b", "/a%20b",
        "/%C3%A9", "/é", "/a%2Fb", "/a+b", "/a;..", "/%252e%252e"})
    EXPECT_TRUE(check_path(path).ok()) << path;
}

TEST(CheckPath, path_that_can_be_resolved_in_two_ways_is_refused) {
  for (std::string_view path : {"",        "a",
                                "*",       "..",
                                "//",      "//host/a",
                                "/.",      "/..",
                                "/./a",    "/a/./b",
                                "/a/..",   "/a/../b",
                                "/%2e",    "/%2e%2e",
                                "/%2E./a", "/.%2e",
                                "/a%2f..", "/a%2f..%2fb",
                                "/a%5c..", "/a\\..\\b",
                                "/..\\a",  "/%",
                                "/%0",     "/%00",
                                "/%ff",    "/a/%c0%ae%c0%ae",
                                "/\xff"}) {
    Status status = check_path(path);
    ASSERT_FALSE(status.ok()) << path;
    EXPECT_EQ(status.error().code, ErrorCode::kInvalidRequest) << path;
  }
}

}  // namespace
TEST(QueryValue, takes_the_first_of_the_name_and_decodes_it) {
  EXPECT_EQ(*query_value("a=1&b=x%20y&b=2", "b"), "x y");
  EXPECT_EQ(*query_value("a=1&flag&b=2", "flag"), "");
  EXPECT_EQ(*query_value("ab=1", "a"), "");
  EXPECT_EQ(*query_value("a=b=c", "a"), "b=c");
  EXPECT_FALSE(query_value("a=%zz", "a"));
}

}  // namespace trivet::wire
