#include "net/address.h"

#include <gtest/gtest.h>

namespace trivet::net {
namespace {

struct Good {
  const char *in, *text;
  bool loopback;
};

TEST(Address, what_people_write_is_understood) {
  const Good table[] = {
      {"127.0.0.1:7007", "127.0.0.1:7007", true},
      {"127.8.9.1:1", "127.8.9.1:1", true},
      {"http://127.0.0.1:7007", "127.0.0.1:7007", true},
      {"http://127.0.0.1:7007/", "127.0.0.1:7007", true},
      {"localhost:80", "localhost:80", true},
      {"[::1]:0", "[::1]:0", true},
      {"[::]:65535", "[::]:65535", false},
      {"0.0.0.0:7007", "0.0.0.0:7007", false},
      {":7007", "0.0.0.0:7007", false},
      {"10.1.2.3:7007", "10.1.2.3:7007", false},
      {"unix:/run/x.sock", "unix:/run/x.sock", true},
      {"unix:relative", "unix:relative", true},
  };
  for (const auto& row : table) {
    auto address = Address::parse(row.in);
    ASSERT_TRUE(address.ok()) << row.in;
    EXPECT_EQ(address->text(), row.text);
    EXPECT_EQ(address->is_loopback(), row.loopback) << row.in;
    auto again = Address::parse(address->url());
    ASSERT_TRUE(again.ok()) << address->url();
    EXPECT_EQ(again->text(), row.text);
  }
}

TEST(Address, what_is_no_address_is_refused_with_a_hint) {
  for (const char* in :
       {"", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:x",
        "127.0.0.1:80x", "127.0.0.1: 80", "::1:80", "[::1]80", "[::1", "example:80", "256.1.1.1:80",
        "127.1:80", "unix:", "http://", "https://127.0.0.1:80"}) {
    auto address = Address::parse(in);
    ASSERT_FALSE(address.ok()) << in;
    EXPECT_EQ(address.error().code, ErrorCode::kInvalidRequest) << in;
    EXPECT_FALSE(address.error().hint.empty()) << in;
  }
}

TEST(Address, a_socket_path_has_at_most_107_bytes) {
  for (size_t length : {107u, 108u}) {
    Address address{Address::Kind::kUnix, std::string(length, 'a'), 0};
    sockaddr_storage where;
    EXPECT_EQ(address.to_sockaddr(where).ok(), length == 107) << length;
  }
}

TEST(Address, socket_addresses_go_both_ways) {
  for (const char* text : {"127.0.0.1:7007", "[::1]:7007", "unix:/run/x.sock"}) {
    sockaddr_storage where;
    ASSERT_TRUE(Address::parse(text)->to_sockaddr(where).ok());
    EXPECT_EQ(from_sockaddr(where).text(), text);
  }
}

}  // namespace
}  // namespace trivet::net
