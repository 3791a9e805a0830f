#include "base/ids.h"

#include <gtest/gtest.h>

#include <latch>
#include <set>
#include <thread>
#include <vector>

namespace trivet {
namespace {

constexpr int64_t kSomeTime = 0x018B'CFE5'6800;  // 14 November 2023

bool is_lower_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

TEST(CallId, begins_with_its_time_and_says_version_7) {
  std::string id = new_call_id(kSomeTime);
  EXPECT_EQ(id.substr(0, 15), "018bcfe5-6800-7") << id;
}

TEST(CallId, has_the_form_of_a_uuid) {
  for (int i = 0; i < 100; ++i) {
    std::string id = new_call_id(kSomeTime);
    ASSERT_EQ(id.size(), 36u);
    for (size_t at = 0; at < id.size(); ++at) {
      bool dash = at == 8 || at == 13 || at == 18 || at == 23;
      EXPECT_TRUE(dash ? id[at] == '-' : is_lower_hex(id[at])) << id;
    }
    EXPECT_NE(std::string_view{"89ab"}.find(id[19]), std::string_view::npos) << id;
  }
}

TEST(CallId, sorts_by_time) {
  EXPECT_LT(new_call_id(kSomeTime), new_call_id(kSomeTime + 1));
  EXPECT_LT(new_call_id(kSomeTime + 255), new_call_id(kSomeTime + 256));
  EXPECT_LT(new_call_id(0), new_call_id((int64_t{1} << 48) - 1));
}

TEST(CallId, is_fit_to_be_taken_over) { EXPECT_TRUE(is_call_id(new_call_id(kSomeTime))); }

TEST(CallId, of_several_threads_are_all_different) {
  constexpr size_t kEach = 5000;
  std::latch start{4};
  std::vector<std::vector<std::string>> made(4);
  std::vector<std::thread> threads;
  for (auto& mine : made)
    threads.emplace_back([&mine, &start] {
      start.arrive_and_wait();
      for (size_t i = 0; i < kEach; ++i) mine.push_back(new_call_id(kSomeTime));
    });
  for (auto& thread : threads) thread.join();
  std::set<std::string> all;
  for (const auto& mine : made) all.insert(mine.begin(), mine.end());
  EXPECT_EQ(all.size(), made.size() * kEach);
}

TEST(CallId, every_random_digit_varies) {
  // 1000 ids: a digit that is drawn from 16 (or 4) is not the same in all of them.
  std::string first = new_call_id(kSomeTime);
  std::set<size_t> varied;
  for (int i = 0; i < 1000; ++i) {
    std::string id = new_call_id(kSomeTime);
    for (size_t at = 15; at < id.size(); ++at)
      if (id[at] != first[at]) varied.insert(at);
  }
  EXPECT_EQ(varied.size(), 36u - 15 - 2);  // without the two dashes
}

TEST(IsCallId, takes_letters_digits_dot_underscore_and_dash) {
  for (std::string_view text : {"a", "Z", "0", ".", "_", "-", "a.B_c-9"})
    EXPECT_TRUE(is_call_id(text)) << text;
  EXPECT_TRUE(is_call_id(std::string(64, 'x')));
}

TEST(IsCallId, refuses_what_could_break_a_log_or_a_header) {
  using namespace std::string_view_literals;
  for (std::string_view text :
       {""sv, " "sv, "a b"sv, "a\n"sv, "a\0b"sv, "a/b"sv, "a\"b"sv, "a:b"sv, "\xC3\xA4"sv, "a,b"sv})
    EXPECT_FALSE(is_call_id(text)) << text;
  EXPECT_FALSE(is_call_id(std::string(65, 'x')));
}

TEST(Token, is_64_hex_digits_and_never_the_same) {
  std::set<std::string> seen;
  for (int i = 0; i < 50; ++i) {
    std::string token = new_token();
    EXPECT_EQ(token.size(), 64u);
    EXPECT_EQ(token.find_first_not_of("0123456789abcdef"), std::string::npos) << token;
    seen.insert(token);
  }
  EXPECT_EQ(seen.size(), 50u);
}

TEST(EqualInConstantTime, agrees_with_ordinary_comparison) {
  using namespace std::string_view_literals;
  const std::string_view texts[] = {""sv,   "a"sv,   "b"sv,  "aa"sv,  "ab"sv,
                                    "ba"sv, "aba"sv, "\0"sv, "a\0"sv, "\xFF"sv};
  for (std::string_view a : texts)
    for (std::string_view b : texts)
      EXPECT_EQ(equal_in_constant_time(a, b), a == b) << a << "," << b;
}

}  // namespace
}  // namespace trivet
