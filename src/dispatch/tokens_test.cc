#include "dispatch/tokens.h"

#include <gtest/gtest.h>

namespace trivet::dispatch {
namespace {

TEST(Tokens, a_token_names_its_function_until_it_is_five_minutes_old) {
  FakeClock clock;
  Tokens tokens{clock};
  std::string token = tokens.issue("resize");
  EXPECT_EQ(token.size(), 64u);
  EXPECT_EQ(token.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_EQ(tokens.verify(token), "resize");
  clock.advance(limits::kTokenLife - 1s);
  EXPECT_EQ(tokens.verify(token), "resize");
  clock.advance(1s);
  EXPECT_EQ(tokens.verify(token), "");
}

TEST(Tokens, anything_but_the_token_is_refused) {
  FakeClock clock;
  Tokens tokens{clock};
  std::string token = tokens.issue("f");
  for (size_t i : {0u, 15u, 16u, 40u, 63u}) {
    std::string wrong = token;
    wrong[i] = wrong[i] == '0' ? '1' : '0';
    EXPECT_EQ(tokens.verify(wrong), "") << i;
  }
  EXPECT_EQ(tokens.verify(""), "");
  EXPECT_EQ(tokens.verify(token + "0"), "");
  EXPECT_EQ(tokens.verify(std::string(64, '0')), "");
}

TEST(Tokens, expired_entries_are_swept) {
  FakeClock clock;
  Tokens tokens{clock};
  for (int i = 0; i < 100; ++i) tokens.issue("f");
  clock.advance(limits::kTokenLife);
  tokens.issue("g");
  EXPECT_EQ(tokens.size(), 1u);
}

}  // namespace
}  // namespace trivet::dispatch
