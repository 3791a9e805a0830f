#include "wire/json_members.h"

#include <gtest/gtest.h>

namespace trivet::wire {
namespace {

std::string shown(std::string_view text) {
  auto members = json_members(text);
  if (!members) return members.error().message;
  std::string out;
  for (const auto& member : *members) out += member.key + "=" + std::string{member.value} + "|";
  return out;
}

TEST(JsonMembers, values_come_out_as_they_stand) {
  const std::pair<std::string_view, std::string_view> table[] = {
      {"{}", ""},
      {" { } ", ""},
      {R"({"a":1})", "a=1|"},
      {R"( { "a" : 1.50 , "b" : [ 1, 2 ] } )", "a=1.50|b=[ 1, 2 ]|"},
      {R"({"a":{"x":"}"},"b":"\"","c":"\\"})", R"(a={"x":"}"}|b="\""|c="\\"|)"},
      {R"({"\u0061":123456789012345678901234567890})", "a=123456789012345678901234567890|"},
      {R"({"a":[[["]"]]],"b":null,"a":true})", R"(a=[[["]"]]]|b=null|a=true|)"},
      {"[1]", "not a JSON object at offset 0"},
      {" \"x\"", "not a JSON object at offset 1"},
  };
  for (auto [text, members] : table) EXPECT_EQ(shown(text), members) << text;
}

TEST(JsonMembers, the_last_of_a_key_is_meant) {
  auto members = json_members(R"({"a":1,"a":2})");
  ASSERT_TRUE(members.ok());
  EXPECT_EQ(find_member(*members, "a")->value, "2");
  EXPECT_EQ(find_member(*members, "b"), nullptr);
}

TEST(CheckJson, refuses_what_is_not_one_document_with_its_place) {
  const std::pair<std::string_view, std::string_view> table[] = {
      {"", "offset 0"},        {"{", "offset 1"}, {"{} x", "at offset 3"},
      {"[1,]", "offset"},      {"nul", "offset"}, {"\"\xff\"", "offset"},
      {"{'a':1}", "offset 1"}, {"01", "offset"},  {"\"\x01\"", "offset"}};
  for (auto [text, place] : table) {
    Status checked = check_json(text);
    ASSERT_FALSE(checked.ok()) << text;
    EXPECT_NE(checked.error().message.find(place), std::string::npos) << checked.error().message;
  }
  for (std::string_view text : {"1", " 1 ", "null\n", "\"x\"", "[[]]"})
    EXPECT_TRUE(check_json(text).ok()) << text;
  EXPECT_TRUE(check_json(std::string(64, '[') + std::string(64, ']')).ok());
  EXPECT_FALSE(check_json(std::string(65, '[') + std::string(65, ']')).ok());
}

TEST(JsonString, is_decoded) {
  EXPECT_EQ(*json_string(R"("a\n\u00e9")"), "a\né");
  EXPECT_EQ(*json_string("\"\""), "");
  EXPECT_FALSE(json_string("12").ok());
}

}  // namespace
}  // namespace trivet::wire
