#include "catalog/route_shape.h"

#include <gtest/gtest.h>

namespace trivet::catalog {
namespace {

bool collide(HttpRoute a, HttpRoute b) {
  EXPECT_EQ(routes_collide(a, b), routes_collide(b, a));
  return routes_collide(a, b);
}

TEST(RouteShape, equally_literal_routes_for_one_request_collide) {
  EXPECT_TRUE(collide({{}, "/s/{a}"}, {{"GET"}, "/s/{b}"}));
  EXPECT_TRUE(collide({{"GET"}, "/s/{a}"}, {{"HEAD"}, "/s/{b}"}));  // GET serves HEAD
  EXPECT_TRUE(collide({{"GET", "POST"}, "/x"}, {{"POST"}, "/x/"}));
  EXPECT_TRUE(collide({{}, "/a/{x}"}, {{}, "/{y}/b"}));  // both match /a/b
  EXPECT_TRUE(collide({{}, "/"}, {{"GET"}, "/"}));
}

TEST(RouteShape, others_do_not) {
  EXPECT_FALSE(collide({{"POST"}, "/s/{a}"}, {{"GET"}, "/s/{a}"}));
  EXPECT_FALSE(collide({{}, "/s/{a}"}, {{}, "/s/b"}));  // the more literal one wins
  EXPECT_FALSE(collide({{}, "/a/{x}"}, {{}, "/b/{x}"}));
  EXPECT_FALSE(collide({{}, "/a"}, {{}, "/a/b"}));
  EXPECT_FALSE(collide({{}, "/{x}"}, {{}, "/"}));
}

}  // namespace
}  // namespace trivet::catalog
