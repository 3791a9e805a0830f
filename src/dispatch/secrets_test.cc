#include "dispatch/secrets.h"

#include <gtest/gtest.h>

namespace trivet::dispatch {
namespace {

using Texts = std::map<std::string, std::string>;

catalog::FunctionSpec pay() {
  catalog::FunctionSpec spec;
  spec.name = "pay";
  spec.secrets = {"KEY"};
  spec.secret_env["URL"] = {{"pg://u:", false}, {"PW", true}, {"@h", false}};
  return spec;
}

TEST(FunctionSecrets, are_the_functions_own_before_those_of_all) {
  vault::Values known{
      {{{"", "KEY"}, "all"}, {{"pay", "KEY"}, "own"}, {{"", "PW"}, "pw"}, {{"", "OTHER"}, "x"}},
      {}};
  auto found = secrets_of(pay(), known);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->env, (Texts{{"KEY", "own"}, {"URL", "pg://u:pw@h"}}));
  EXPECT_EQ(found->values, (Texts{{"KEY", "own"}, {"PW", "pw"}}));
}

TEST(FunctionSecrets, one_that_is_missing_is_told_with_the_command_that_sets_it) {
  vault::Values known{{{{"", "PW"}, "pw"}, {{"other", "KEY"}, "x"}}, {}};
  auto found = secrets_of(pay(), known);
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().code, ErrorCode::kInvalidManifest);
  EXPECT_EQ(found.error().message, "pay needs the secret KEY, which is not set");
  EXPECT_EQ(found.error().hint, "run: trivet secret set KEY");
  found = secrets_of(pay(), {{{{"", "KEY"}, "k"}}, {}});
  ASSERT_FALSE(found.ok());
  EXPECT_NE(found.error().message.find("variable PW is not set"), std::string::npos);
}

TEST(FunctionSecrets, that_cannot_be_read_are_told_as_that) {
  vault::Values known{{}, Error{ErrorCode::kInvalidInput, "damaged"}};
  EXPECT_EQ(secrets_of(pay(), known).error().message, "damaged");
  catalog::FunctionSpec plain;
  EXPECT_FALSE(wants_secrets(plain));
  EXPECT_TRUE(secrets_of(plain, known).ok());
}

}  // namespace
}  // namespace trivet::dispatch
