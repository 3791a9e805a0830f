#include "gateway/routes.h"

#include <gtest/gtest.h>

namespace trivet::gateway {
namespace {

catalog::Snapshot with(std::vector<std::pair<std::string, catalog::HttpRoute>> routes) {
  catalog::Snapshot snapshot;
  for (auto& [name, route] : routes) {
    auto spec = std::make_shared<catalog::FunctionSpec>();
    spec->name = name;
    spec->routes.push_back(route);
    snapshot.functions[name] = spec;
  }
  return snapshot;
}

TEST(Routes, the_most_literal_route_wins) {
  Routes routes{with({{"any", {{"GET"}, "/a/{x}"}}, {"exact", {{"GET"}, "/a/b"}}})};
  EXPECT_EQ(routes.find("GET", "/a/b").function, "exact");
  EXPECT_EQ(routes.find("GET", "/a/c").function, "any");
  EXPECT_EQ(routes.find("HEAD", "/a/c").function, "any");
}

TEST(Routes, a_wrong_method_is_told_from_a_wrong_path) {
  Routes routes{with({{"f", {{"POST"}, "/resize/{id}"}}})};
  EXPECT_EQ(routes.find("POST", "/resize/7").verdict, Routes::Verdict::kFound);
  EXPECT_EQ(routes.find("GET", "/resize/7").verdict, Routes::Verdict::kWrongMethod);
  EXPECT_EQ(routes.find("POST", "/resize").verdict, Routes::Verdict::kNone);
  EXPECT_EQ(routes.find("POST", "/resize/7/8").verdict, Routes::Verdict::kNone);
}

TEST(Routes, no_methods_means_any) {
  Routes routes{with({{"f", {{}, "/x"}}})};
  EXPECT_EQ(routes.find("PATCH", "/x").verdict, Routes::Verdict::kFound);
}

}  // namespace
}  // namespace trivet::gateway
