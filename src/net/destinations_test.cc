#include "net/destinations.h"

#include <gtest/gtest.h>

namespace trivet::net {
namespace {

using Addresses = std::vector<std::string>;

class DestinationsTest : public ::testing::Test {
 protected:
  // "why not", or the addresses with blanks between.
  std::string admit(const std::string& host, Addresses found) {
    auto good = destinations.admit(host, std::move(found));
    if (!good) return good.error().message;
    std::string text;
    for (const std::string& address : *good) text += (text.empty() ? "" : " ") + address;
    return text;
  }
  Destinations destinations{{}, [](const std::string& address) { return address == "10.0.0.9"; }};
};

TEST_F(DestinationsTest, what_may_be_reached_keeps_its_order) {
  EXPECT_EQ(admit("a", {"1.1.1.1", "127.0.0.1", "2606:4700::1"}), "1.1.1.1 2606:4700::1");
  EXPECT_EQ(admit("db", {"10.0.0.1", "10.0.0.9", "10.0.0.2"}), "10.0.0.1 10.0.0.2");
}

TEST_F(DestinationsTest, what_may_not_says_why) {
  EXPECT_EQ(admit("a", {"127.0.0.1"}), "127.0.0.1 is a loopback address");
  EXPECT_EQ(admit("a", {"0.0.0.0"}), "0.0.0.0 is a loopback address");
  EXPECT_EQ(admit("a", {"::ffff:127.0.0.1"}), "::ffff:127.0.0.1 is a loopback address");
  EXPECT_EQ(admit("a", {"169.254.169.254"}), "169.254.169.254 is a link-local address");
  EXPECT_EQ(admit("a", {"fd00:ec2::254"}), "fd00:ec2::254 is a metadata address");
  EXPECT_EQ(admit("a", {"10.0.0.9"}), "10.0.0.9 is an address of this host");
  EXPECT_EQ(admit("a", {"x"}), "\"x\" is no address");
  EXPECT_EQ(admit("a", {}), "it has no address");
}

TEST_F(DestinationsTest, a_public_name_does_not_become_private) {
  EXPECT_EQ(admit("a", {"10.0.0.1", "1.1.1.1"}), "1.1.1.1");  // not even in one answer
  EXPECT_EQ(admit("a", {"10.0.0.1"}),
            "its name led to a public address before, and now to 10.0.0.1");
  EXPECT_EQ(admit("a", {"1.1.1.2"}), "1.1.1.2");
  EXPECT_EQ(admit("b", {"10.0.0.1"}), "10.0.0.1");
}

TEST(Destinations, an_operator_can_close_private_networks_and_open_this_host) {
  Destinations destinations{{false, true}, [](const std::string&) { return true; }};
  EXPECT_FALSE(destinations.admit("a", {"10.0.0.1"}).ok());
  EXPECT_TRUE(destinations.admit("a", {"127.0.0.1"}).ok());
  EXPECT_FALSE(destinations.admit("a", {"169.254.169.254"}).ok());
}

}  // namespace
}  // namespace trivet::net
