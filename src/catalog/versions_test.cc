#include <gtest/gtest.h>

#include "catalog/discovery.h"

namespace trivet::catalog {
namespace {

struct Row {
  std::string_view wanted;
  std::vector<std::string_view> yes, no;
};

TEST(VersionSatisfies, each_form_takes_what_it_says) {
  const Row table[] = {
      {"", {"1.2.3", "?"}, {}},
      {"*", {"1.2.3"}, {}},
      {"latest", {"1.2.3"}, {}},
      {"3", {"3", "3.11", "3.0.9"}, {"2.3", "30", "4"}},
      {"3.11", {"3.11", "3.11.2"}, {"3.1", "3.1.1", "3.12", "2.11", "13.11"}},
      {"3.11.2", {"3.11.2", "3.11.2-rc1"}, {"3.11", "3.11.20", "3.11.1"}},
      {"v20", {"20.1.0"}, {"21.0.0"}},
      {"=3.1.0", {"3.1.0"}, {"3.1.1", "3.10"}},
      {">=1.0.0", {"1.0.0", "1.0.1", "2", "10.0"}, {"0.9.9", "0"}},
      {">=3.9", {"3.9", "3.10.1", "4"}, {"3.8.18", "2.99"}},
      {">1.2.3", {"1.2.4", "1.3", "2"}, {"1.2.3", "1.2.2"}},
      {"<2", {"1.99.99", "0"}, {"2", "2.0.1"}},
      {"<=2.1.0", {"2.1.0", "2.0.9"}, {"2.1.1", "3"}},
      {"^20", {"20.0.0", "20.11.1"}, {"21.0.0", "19.9.9"}},
      {"^1.2.3", {"1.2.3", "1.9.0"}, {"1.2.2", "2.0.0"}},
      {"~1.2", {"1.2.0", "1.2.9"}, {"1.3.0", "1.1.9", "2.2"}},
      {"~1.2.3", {"1.2.3", "1.2.9"}, {"1.2.2", "1.3.0"}},
      {"~1", {"1.0", "1.9"}, {"2.0", "0.9"}},
      {">=18 <21", {"18.0.0", "20.9"}, {"17.9", "21.0.0"}},
      {"  >=18   <21 ", {"18.0.0"}, {"21"}},
  };
  for (const auto& row : table) {
    for (auto version : row.yes)
      EXPECT_TRUE(version_satisfies(version, row.wanted)) << version << " for " << row.wanted;
    for (auto version : row.no)
      EXPECT_FALSE(version_satisfies(version, row.wanted)) << version << " for " << row.wanted;
  }
}

TEST(VersionSatisfies, blank_after_the_sign_is_allowed) {
  EXPECT_TRUE(version_satisfies("1.2.3", ">= 1.0.0"));
  EXPECT_FALSE(version_satisfies("0.9", ">= 1.0.0"));
  EXPECT_TRUE(version_satisfies("20.1", ">= 18 < 21"));
  EXPECT_FALSE(version_satisfies("21.0", ">= 18 < 21"));
}

TEST(VersionSatisfies, unknown_version_satisfies_no_number) {
  for (std::string_view wanted : {"3", "3.11", ">=1", "^20", "~1.2", "=0.1"})
    EXPECT_FALSE(version_satisfies("?", wanted)) << wanted;
}

TEST(VersionNewer, numbers_are_compared_not_letters) {
  EXPECT_TRUE(version_newer("3.10.1", "3.9.18"));
  EXPECT_TRUE(version_newer("22.1", "22.0.9"));
  EXPECT_TRUE(version_newer("1", "?"));
  for (const char* version : {"3.9.18", "3.10.1", "3.10", "?"})
    EXPECT_FALSE(version_newer(version, "3.10.1")) << version;
}

TEST(VersionSatisfies, nonsense_is_never_satisfied) {
  for (std::string_view wanted :
       {"newest", "=>1", "!1", ">", "^", ">=x", "99999999999999999999", ">=1 nonsense"})
    EXPECT_FALSE(version_satisfies("3.11.2", wanted)) << wanted;
}

}  // namespace
}  // namespace trivet::catalog
