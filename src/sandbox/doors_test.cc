#include "sandbox/doors.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/limits.h"
#include "sandbox/loopback.h"
#include "sandbox/namespace_test.h"

namespace trivet::sandbox {
namespace {

std::vector<Door> planned(const std::vector<NetRule>& rules) {
  auto doors = plan_doors(rules);
  EXPECT_TRUE(doors.ok()) << (doors.ok() ? "" : doors.error().text());
  return doors.ok() ? *doors : std::vector<Door>{};
}

TEST(Doors, a_name_gets_an_address_and_all_its_ports_share_it) {
  auto doors = planned({{"db.internal", 5432}, {"api.example.com", 443}, {"db.internal", 5433}});
  ASSERT_EQ(doors.size(), 3u);
  EXPECT_EQ(doors[0], (Door{"127.77.0.1", {"db.internal", 5432}, false}));
  EXPECT_EQ(doors[1], (Door{"127.77.0.2", {"api.example.com", 443}, false}));
  EXPECT_EQ(doors[2], (Door{"127.77.0.1", {"db.internal", 5433}, false}));
  EXPECT_EQ(hosts_text(doors),
            "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"
            "127.77.0.1 db.internal\n127.77.0.2 api.example.com\n");
}

TEST(Doors, an_address_is_its_own_door_in_the_kernels_spelling) {
  auto doors = planned({{"10.1.2.3", 80}, {"2001:DB8:0:0::7", 80}, {"2001:db8::7", 80}});
  ASSERT_EQ(doors.size(), 2u);
  EXPECT_EQ(doors[0], (Door{"10.1.2.3", {"10.1.2.3", 80}, true}));
  EXPECT_EQ(doors[1], (Door{"2001:db8::7", {"2001:db8::7", 80}, true}));
  EXPECT_EQ(hosts_text(doors).find("10.1.2.3"), std::string::npos);
}

TEST(Doors, what_never_leads_anywhere_is_refused_with_the_rule) {
  const NetRule rules[]{{"localhost", 80},
                        {"x.localhost", 80},
                        {"127.0.0.1", 5432},
                        {"::1", 80},
                        {"0.0.0.0", 80},
                        {"169.254.169.254", 80},
                        {"fe80::1", 80},
                        {"::ffff:127.0.0.1", 80},
                        {"example.com", 0},
                        {"", 80},
                        {"a b", 80},
                        {"a\nb", 80},
                        {"Example.com", 80},
                        {".com", 80},
                        {"*.example.com", 443},
                        {"[::1]", 80},
                        {std::string(254, 'a'), 80}};
  for (const NetRule& rule : rules) {
    auto doors = plan_doors({rule});
    ASSERT_FALSE(doors.ok()) << rule.host;
    EXPECT_EQ(doors.error().code, ErrorCode::kInvalidManifest);
    EXPECT_NE(doors.error().message.find(rule.host + (rule.host.find(':') == std::string::npos
                                                          ? ":" + std::to_string(rule.port)
                                                          : "]")),
              std::string::npos)
        << doors.error().message;
  }
}

TEST(Doors, there_is_a_most) {
  std::vector<NetRule> rules;
  for (size_t i = 0; i < limits::kNetRulesMax; ++i)
    rules.push_back({"h" + std::to_string(i) + ".example", 443});
  EXPECT_EQ(planned(rules).back().address, "127.77.0.64");
  rules.push_back(rules.front());  // again: nothing new
  EXPECT_TRUE(plan_doors(rules).ok());
  rules.push_back({"one.more", 443});
  EXPECT_FALSE(plan_doors(rules).ok());
}

// 0 or the errno of a connect().
int try_connect(const char* address, uint16_t port, int type = SOCK_STREAM) {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  v4.sin_family = AF_INET;
  v6.sin6_family = AF_INET6;
  v4.sin_port = v6.sin6_port = htons(port);
  bool is_v4 = inet_pton(AF_INET, address, &v4.sin_addr) == 1;
  if (!is_v4) inet_pton(AF_INET6, address, &v6.sin6_addr);
  os::Fd fd{socket(is_v4 ? AF_INET : AF_INET6, type, 0)};
  int failed = is_v4 ? connect(fd.get(), reinterpret_cast<sockaddr*>(&v4), sizeof v4)
                     : connect(fd.get(), reinterpret_cast<sockaddr*>(&v6), sizeof v6);
  return failed == 0 ? 0 : errno;
}

void expect_confined(const std::function<int()>& body) {
  int code = confined(body);
  if (code == kCannotConfine) GTEST_SKIP() << "no network namespaces here";
  EXPECT_EQ(code, 0);
}

TEST(Doors, open_in_a_fresh_namespace_and_nothing_else_is_there) {
  auto doors = planned({{"db.internal", 443}, {"10.1.2.3", 80}});
  expect_confined([&doors] {
    if (try_connect("127.0.0.1", 1) != ENETUNREACH) return 1;  // the loopback is down
    auto sockets = open_doors(doors);
    if (!sockets || sockets->size() != 2) return 2;
    if (try_connect("127.77.0.1", 443) != 0) return 3;
    if (try_connect("10.1.2.3", 80) != 0) return 4;
    if (accept((*sockets)[0].get(), nullptr, nullptr) < 0) return 5;
    if (accept((*sockets)[0].get(), nullptr, nullptr) >= 0 || errno != EAGAIN) return 6;
    if (try_connect("127.77.0.1", 80) != ECONNREFUSED) return 7;  // another port
    if (try_connect("10.1.2.3", 443) != ECONNREFUSED) return 8;
    if (try_connect("10.1.2.4", 80) != ENETUNREACH) return 9;  // another address
    if (try_connect("8.8.8.8", 53, SOCK_DGRAM) != ENETUNREACH) return 10;
    if (try_connect("169.254.169.254", 80) != ENETUNREACH) return 11;
    return 0;
  });
}

TEST(Doors, an_ipv6_address_can_be_bound_at_once) {
  auto doors = planned({{"2001:db8::7", 443}});
  expect_confined([&doors] {
    if (Status up = bring_loopback_up(); !up) return 1;
    if (Status there = add_to_loopback("::1"); !there) return kCannotConfine;  // no IPv6 at all
    auto sockets = open_doors(doors);
    if (!sockets) return 2;
    if (try_connect("2001:db8::7", 443) != 0) return 3;
    return try_connect("2001:db8::8", 443) == ENETUNREACH ? 0 : 4;
  });
}

TEST(Doors, opening_twice_says_which_is_taken) {
  auto doors = planned({{"db.internal", 443}, {"10.1.2.3", 80}});
  expect_confined([&doors] {
    auto first = open_doors(doors), second = open_doors(doors);
    if (!first || second) return 1;
    return second.error().message.find("db.internal:443") == std::string::npos ? 2 : 0;
  });
}

}  // namespace
}  // namespace trivet::sandbox
