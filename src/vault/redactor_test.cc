#include "vault/redactor.h"

#include <gtest/gtest.h>

namespace trivet::vault {
namespace {

std::string cleaned(const Redactor& redactor, std::string text) {
  redactor.clean(text);
  return text;
}

TEST(Redactor, values_are_replaced_wherever_they_stand) {
  Redactor redactor{{{"KEY", "sk_live_123"}, {"SHORT", "abcde"}}};
  struct Row {
    const char *text, *want;
  } rows[] = {
      {"the key is sk_live_123.", "the key is [secret KEY]."},
      {"sk_live_123", "[secret KEY]"},
      {"sk_live_123sk_live_123", "[secret KEY][secret KEY]"},
      {"abcde is too short to hide", "abcde is too short to hide"},
      {"sk_liv", "[secret KEY]"},  // what a cut left of it
      {"ive_123 is its end", "[secret KEY] is its end"},
      {"cut here: sk_live_12", "cut here: [secret KEY]"},
      {"e_123 is five bytes", "e_123 is five bytes"},
      {"", ""},
  };
  for (const auto& row : rows) EXPECT_EQ(cleaned(redactor, row.text), row.want);
}

TEST(Redactor, a_value_is_found_in_json_and_by_its_lines) {
  Redactor redactor{{{"PEM", "first \"line\"\nsecond line\n\nend"}}};
  EXPECT_EQ(cleaned(redactor, R"({"a":"first \"line\"\nsecond line\n\nend"})"),
            R"({"a":"[secret PEM]"})");
  EXPECT_EQ(cleaned(redactor, "it says: second line, then end"), "it says: [secret PEM], then end");
}

TEST(Redactor, the_longer_of_two_values_wins) {
  Redactor redactor{{{"A", "password"}, {"B", "password-of-b"}}};
  EXPECT_EQ(cleaned(redactor, "<password-of-b> <password>"), "<[secret B]> <[secret A]>");
}

TEST(Redactor, all_parts_of_an_error_and_of_a_line_are_cleaned) {
  Redactor redactor{{{"KEY", "12345678"}}};
  Error error{ErrorCode::kFunctionCrashed, "died of 12345678", "not 12345678"};
  error.details = {{"stderr", "x 12345678 x"}, {"12345678", "y"}};
  redactor.clean(error);
  EXPECT_EQ(error.message + error.hint, "died of [secret KEY]not [secret KEY]");
  EXPECT_EQ(error.details[0].second + error.details[1].first, "x [secret KEY] x[secret KEY]");
  LogLine line;
  line.message = "m 12345678 m";
  line.fields = R"({"a":"b 12345678"})";
  redactor.clean(line);
  EXPECT_EQ(line.message, "m [secret KEY] m");
  EXPECT_EQ(line.fields, R"({"a":"b [secret KEY]"})");
  line.fields = R"({"a":12345678})";  // a number
  redactor.clean(line);
  EXPECT_EQ(line.fields, R"({"redacted":"[secret]"})");
}

TEST(Redactor, without_values_worth_hiding_is_empty) {
  EXPECT_TRUE(Redactor{{}}.empty());
  EXPECT_TRUE((Redactor{{{"A", "12345"}}}.empty()));
  EXPECT_FALSE((Redactor{{{"A", "123456"}}}.empty()));
}

}  // namespace
}  // namespace trivet::vault
