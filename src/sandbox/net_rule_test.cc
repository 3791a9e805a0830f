#include "sandbox/net_rule.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

namespace trivet::sandbox {
namespace {

TEST(NetRule, hosts_with_ports_are_read) {
  const std::tuple<std::string_view, std::string_view, int> table[] = {
      {"api.example.com:443", "api.example.com", 443},
      {"API.Example.COM:443", "api.example.com", 443},
      {"example.com.:80", "example.com", 80},
      {"db:5432", "db", 5432},
      {"a_b-c.d1:1", "a_b-c.d1", 1},
      {"192.0.2.1:65535", "192.0.2.1", 65535},
      {"10.0.0.5:5432", "10.0.0.5", 5432},
      {"[2001:DB8::1]:443", "2001:db8::1", 443},
      {"[2001:db8:0:0:0:0:0:1]:443", "2001:db8::1", 443},
      {"[::ffff:192.0.2.1]:80", "::ffff:192.0.2.1", 80},
      {"cafe.de:80", "cafe.de", 80},
      {"3com.com:80", "3com.com", 80}};
  for (auto [text, host, port] : table) {
    auto rule = parse_net_rule(text);
    ASSERT_TRUE(rule.ok()) << text << ": " << rule.error().text();
    EXPECT_EQ(rule->host, host) << text;
    EXPECT_EQ(rule->port, port) << text;
    auto again = parse_net_rule(sandbox::text(*rule));
    EXPECT_TRUE(again && *again == *rule) << text;
  }
}

TEST(NetRule, what_is_no_rule_is_refused_with_what_to_write) {
  const std::tuple<std::string_view, std::string_view, std::string_view> table[] = {
      {"example.com", "has no port", "api.example.com:443"},
      {"example.com:", "has no port", "api.example.com:443"},
      {"example.com:0", "no port from 1 to 65535", "443"},
      {"example.com:65536", "no port from 1 to 65535", "443"},
      {"example.com:-1", "no port from 1 to 65535", "443"},
      {"example.com:http", "no port from 1 to 65535", "443"},
      {"example.com:*", "is a pattern", "level: process"},
      {"*.example.com:443", "is a pattern", "level: process"},
      {"10.0.0.0/8:443", "is a range", "level: process"},
      {"[2001:db8::]/32:443", "is a range", "level: process"},
      {"https://example.com:443", "is a URL", "api.example.com:443"},
      {"2001:db8::1:443", "without brackets", "[2001:db8::1]:443"},
      {"[2001:db8::1:443", "no closing bracket", "[2001:db8::1]:443"},
      {"[2001:db8::1]", "has no port", "443"},
      {"[2001:db8::1]443", "no port", "443"},
      {"[example.com]:443", "names no host", "443"},
      {"[]:443", "names no host", "443"},
      {":443", "names no host", "443"},
      {"", "has no port", "443"},
      {"-a.com:443", "names no host", "443"},
      {"a..com:443", "names no host", "443"},
      {"a b:443", "names no host", "443"},
      {"1.2.3:443", "names no host", "443"},
      {"127.1:443", "names no host", "443"},
      {"0x7f.1:443", "names no host", "443"},
      {"2130706433:443", "names no host", "443"},
      {"0x7f000001:443", "names no host", "443"},
      {"256.1.1.1:443", "names no host", "443"}};
  for (auto [text, what, hint] : table) {
    auto rule = parse_net_rule(text);
    ASSERT_FALSE(rule.ok()) << text;
    EXPECT_EQ(rule.error().code, ErrorCode::kInvalidInput) << text;
    EXPECT_NE(rule.error().message.find(what), std::string::npos) << rule.error().message;
    EXPECT_NE(rule.error().message.find("\"" + std::string{text} + "\""), std::string::npos);
    EXPECT_NE(rule.error().hint.find(hint), std::string::npos) << rule.error().hint;
  }
}

TEST(NetRule, this_machine_and_metadata_are_refused) {
  for (std::string_view text : {"127.0.0.1:80",
                                "127.255.255.254:80",
                                "localhost:80",
                                "LOCALHOST.:80",
                                "a.localhost:80",
                                "localhost.localdomain:80",
                                "[::1]:80",
                                "[::]:80",
                                "0.0.0.0:80",
                                "0.1.2.3:80",
                                "169.254.169.254:80",
                                "169.254.0.1:80",
                                "[fe80::1]:80",
                                "[febf::1]:80",
                                "[fd00:ec2::254]:80",
                                "[fd20:ce::254]:80",
                                "100.100.100.200:80",
                                "168.63.129.16:80",
                                "metadata.google.internal:80",
                                "x.metadata.google.internal:80",
                                "[::ffff:127.0.0.1]:80",
                                "[::ffff:169.254.169.254]:80",
                                "[::127.0.0.1]:80",
                                "[64:ff9b::169.254.169.254]:80",
                                "[::ffff:0:127.0.0.1]:80",
                                "224.0.0.1:80",
                                "255.255.255.255:80",
                                "[ff02::1]:80"}) {
    auto rule = parse_net_rule(text);
    ASSERT_FALSE(rule.ok()) << text;
    EXPECT_NE(rule.error().message.find("no function is let through"), std::string::npos)
        << rule.error().message;
    EXPECT_NE(rule.error().hint.find("level: process"), std::string::npos) << text;
  }
}

TEST(NetRule, neighbours_of_what_is_refused_are_not) {
  for (std::string_view text :
       {"126.255.255.255:80", "128.0.0.1:80", "169.253.1.1:80", "169.255.1.1:80", "1.0.0.1:80",
        "100.100.100.201:80", "223.255.255.255:80", "[fec0::1]:80", "[fd00:ec2::255]:80",
        "[2::1]:80", "localhost.example.com:80", "mylocalhost:80",
        "notmetadata.google.internal:80"})
    EXPECT_TRUE(parse_net_rule(text).ok()) << text;
}

TEST(WhyForbidden, other_lengths_are_no_address) {
  const uint8_t bytes[16] = {10};
  EXPECT_EQ(why_forbidden({bytes, 4}), "");
  EXPECT_EQ(why_forbidden({bytes, 5}), "no address");
  EXPECT_EQ(why_forbidden({bytes, 0}), "no address");
}

}  // namespace
}  // namespace trivet::sandbox
