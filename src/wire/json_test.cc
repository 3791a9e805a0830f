#include "wire/json.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <limits>

namespace trivet::wire {
namespace {

using namespace std::string_view_literals;

TEST(ParseJson, every_kind_of_value_goes_through) {
  for (std::string_view text :
       {"null", "true", "0", "-7", "9223372036854775807", "18446744073709551615", "1.5", "0.1",
        "1e+22", "-0.25", "5e-324", "1.7976931348623157e+308", "\"\"", "\"\\u0000\"", "[]",
        "[1,[2,[3]]]", "{}", R"({"a":{"b":[null,false]}})"}) {
    auto value = parse_json(text);
    ASSERT_TRUE(value.ok()) << text;
    EXPECT_EQ(to_text(*value), text);
  }
  EXPECT_EQ(to_text(*parse_json(" \t\r\n{ \"a\" : 1 } \n")), "{\"a\":1}");
  EXPECT_EQ(to_text(*parse_json(R"("\u00e9\ud83d\ude80")")), "\"é🚀\"");
  EXPECT_EQ(to_text(*parse_json(R"({"a":1,"a":2})")), R"({"a":2})");
}

TEST(ParseJson, what_is_not_one_document_is_refused_with_its_place) {
  const std::pair<std::string_view, std::string_view> table[] = {{"", "offset 0"},
                                                                 {" ", "offset 1"},
                                                                 {"{", "offset 1"},
                                                                 {"[1,]", "offset"},
                                                                 {"{\"a\":}", "offset"},
                                                                 {"nul", "offset 3"},
                                                                 {"'a'", "offset 0"},
                                                                 {"// c\n1", "offset 0"},
                                                                 {"01", "offset"},
                                                                 {"NaN", "offset 0"},
                                                                 {"Infinity", "offset 0"},
                                                                 {"+1", "offset 0"},
                                                                 {"1 2", "offset 2"},
                                                                 {"{}x", "offset 2"},
                                                                 {"{} {}", "offset 3"},
                                                                 {"\"a", "offset 2"},
                                                                 {"\"\x01\"", "offset"},
                                                                 {"\"\\ud800\"", "offset"},
                                                                 {"\"\xff\"", "offset"},
                                                                 {"\"\xc3(\"", "offset"},
                                                                 {"\xef\xbb\xbf{}", "offset 0"},
                                                                 {"{\"a\":1,}", "offset"},
                                                                 {"\"\\x41\"", "offset"},
                                                                 {"\0"sv, "offset 0"},
                                                                 {"\"\xed\xa0\x80\"", "offset"}};
  for (auto [text, place] : table) {
    auto value = parse_json(text);
    ASSERT_FALSE(value.ok()) << text;
    EXPECT_EQ(value.error().code, ErrorCode::kInvalidInput);
    EXPECT_NE(value.error().message.find(place), std::string::npos)
        << text << ": " << value.error().message;
  }
}

TEST(ParseJson, number_over_the_largest_double_is_refused) {
  for (std::string_view text : {"1e400", "-1e400", "[1,[1e309]]", R"({"a":{"b":1e99999}})"}) {
    auto value = parse_json(text);
    ASSERT_FALSE(value.ok()) << text;
    EXPECT_NE(value.error().message.find("too large"), std::string::npos);
  }
  EXPECT_EQ(to_text(*parse_json("1e-400")), "0");
}

TEST(ToText, value_that_json_cannot_say_is_null) {
  EXPECT_EQ(to_text(json::value(std::numeric_limits<double>::infinity())), "null");
  EXPECT_EQ(to_text(json::value{1.5, std::numeric_limits<double>::quiet_NaN()}), "[1.5,null]");
  EXPECT_EQ(to_text(json::value("a\xff")), "\"a\uFFFD\"");
}

std::string nested(size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

TEST(ParseJson, depth_is_limited_to_64) {
  EXPECT_TRUE(parse_json(nested(64)).ok());
  EXPECT_FALSE(parse_json(nested(65)).ok());
  EXPECT_FALSE(parse_json(std::string(10'000'000, '[')).ok());
}

TEST(ToPrettyText, nested_values_are_indented_in_the_order_they_came) {
  auto value = parse_json(R"({"b":[1,{"c":"x\n"}],"a":{},"e":[],"d":null})");
  EXPECT_EQ(to_pretty_text(*value),
            "{\n  \"b\": [\n    1,\n    {\n      \"c\": \"x\\n\"\n    }\n  ],\n  \"a\": {},\n"
            "  \"e\": [],\n  \"d\": null\n}\n");
  EXPECT_EQ(to_pretty_text(json::value(1)), "1\n");
}

std::string json_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

TEST(AppendJsonString, special_characters_are_escaped) {
  const std::pair<std::string_view, std::string_view> table[] = {
      {"", R"("")"},
      {"plain text, long enough for words of eight",
       R"("plain text, long enough for words of eight")"},
      {"\"", R"("\"")"},
      {"back\\slash", R"("back\\slash")"},
      {"\b\f\n\r\t", R"("\b\f\n\r\t")"},
      {"\0\x01\x1f\x7f"sv, "\"\\u0000\\u0001\\u001f\x7f\""},
      {"é🚀", "\"é🚀\""},
      {"a\xff"
       "b",
       "\"a\uFFFDb\""},
      {"\xc3", "\"\uFFFD\""},
      {"\xc3(", "\"\uFFFD(\""},
      {"\xed\xa0\x80", "\"\uFFFD\uFFFD\uFFFD\""},
      {"\xf0\x9f\x9a", "\"\uFFFD\uFFFD\uFFFD\""},
  };
  for (auto [text, expected] : table) EXPECT_EQ(json_string(text), expected);
}

TEST(AppendJsonString, any_byte_at_any_place_reads_back) {
  for (int c = 0; c < 128; ++c)
    for (size_t at = 0; at < 20; ++at) {
      std::string text(20, 'x');
      text[at] = static_cast<char>(c);
      auto back = parse_json(json_string(text));
      ASSERT_TRUE(back.ok()) << c << " at " << at;
      EXPECT_EQ(std::string_view{back->as_string()}, text);
    }
}

TEST(ObjectMembers, missing_or_of_another_type_gives_the_default) {
  auto value = parse_json(
      R"({"s":"x","i":3,"d":4.9,"big":18446744073709551615,"huge":1e300,"o":{"k":1},"a":[1]})");
  const auto& object = value->as_object();
  EXPECT_EQ(get_string(object, "s"), "x");
  EXPECT_EQ(get_string(object, "i", "none"), "none");
  EXPECT_EQ(get_string(object, "missing", "none"), "none");
  EXPECT_EQ(get_int(object, "i"), 3);
  EXPECT_EQ(get_int(object, "d"), 4);
  EXPECT_EQ(get_int(object, "s", -1), -1);
  EXPECT_EQ(get_int(object, "big", -1), -1);
  EXPECT_EQ(get_int(object, "huge", -1), -1);
  EXPECT_NE(get_object(object, "o"), nullptr);
  EXPECT_EQ(get_object(object, "a"), nullptr);
  EXPECT_EQ(get_array(object, "missing"), nullptr);
  EXPECT_NE(get_array(object, "a"), nullptr);
}

TEST(ObjectWriter, members_come_out_as_one_object) {
  std::string out = "before ";
  ObjectWriter writer{out};
  writer.text("t", "a\"b").number("n", int64_t{-3}).number("d", 0.25).boolean("b", true);
  writer.raw("r", "[1]").number("nan", std::numeric_limits<double>::quiet_NaN());
  writer.number("min", std::numeric_limits<int64_t>::min())
      .number("e", 1e20)
      .text("k\n", "")
      .close();
  std::string expected = R"({"t":"a\"b","n":-3,"d":0.25,"b":true,"r":[1],"nan":0,)"
                         R"("min":-9223372036854775808,"e":1e+20,"k\n":""})";
  EXPECT_EQ(out, "before " + expected);
  EXPECT_TRUE(parse_json(expected).ok());

  std::string empty;
  ObjectWriter{empty}.close();
  EXPECT_EQ(empty, "{}");
}

}  // namespace
}  // namespace trivet::wire
