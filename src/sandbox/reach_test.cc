#include "sandbox/reach.h"

#include <gtest/gtest.h>

namespace trivet::sandbox {
namespace {

struct Row {
  const char* address;
  Place place;
};

TEST(Reach, knows_what_an_address_is) {
  const Row rows[]{
      {"1.1.1.1", Place::kPublic},
      {"9.255.255.255", Place::kPublic},
      {"10.0.0.0", Place::kPrivate},
      {"10.255.255.255", Place::kPrivate},
      {"11.0.0.0", Place::kPublic},
      {"172.15.255.255", Place::kPublic},
      {"172.16.0.1", Place::kPrivate},
      {"172.31.255.255", Place::kPrivate},
      {"172.32.0.0", Place::kPublic},
      {"192.168.1.1", Place::kPrivate},
      {"100.64.0.1", Place::kPrivate},
      {"100.128.0.1", Place::kPublic},
      {"0.0.0.0", Place::kLoopback},
      {"0.1.2.3", Place::kLoopback},
      {"127.0.0.1", Place::kLoopback},
      {"127.255.255.254", Place::kLoopback},
      {"169.254.169.254", Place::kLinkLocal},
      {"169.254.170.2", Place::kLinkLocal},
      {"100.100.100.200", Place::kMetadata},
      {"168.63.129.16", Place::kMetadata},
      {"192.0.0.192", Place::kMetadata},
      {"224.0.0.251", Place::kMulticast},
      {"255.255.255.255", Place::kMulticast},
      {"250.0.0.1", Place::kUnreachable},
      {"2606:4700::1111", Place::kPublic},
      {"::", Place::kLoopback},
      {"::1", Place::kLoopback},
      {"fe80::1", Place::kLinkLocal},
      {"febf::1", Place::kLinkLocal},
      {"fd00:ec2::254", Place::kMetadata},
      {"fd20:ce::254", Place::kMetadata},
      {"fd00:ec2::255", Place::kPrivate},
      {"fc00::1", Place::kPrivate},
      {"ff02::1", Place::kMulticast},
      {"2001:0:1::", Place::kUnreachable},
      {"2001:db9::1", Place::kPublic},
  };
  for (const Row& row : rows) EXPECT_EQ(place_of(row.address), row.place) << row.address;
}

TEST(Reach, an_address_inside_another_counts) {
  const Row rows[]{
      {"::ffff:127.0.0.1", Place::kLoopback},     {"::ffff:169.254.169.254", Place::kLinkLocal},
      {"::ffff:8.8.8.8", Place::kPublic},         {"::127.0.0.1", Place::kLoopback},
      {"64:ff9b::a9fe:a9fe", Place::kLinkLocal},  {"64:ff9b::8.8.8.8", Place::kPublic},
      {"64:ff9b:1::7f00:1", Place::kUnreachable}, {"2002:7f00:1::", Place::kLoopback},
      {"2002:a00:1::1", Place::kPrivate},         {"2002:808:808::1", Place::kPublic},
  };
  for (const Row& row : rows) EXPECT_EQ(place_of(row.address), row.place) << row.address;
}

TEST(Reach, what_is_no_address_is_a_name) {
  using std::string_view_literals::operator""sv;
  for (std::string_view text : {""sv, "localhost"sv, "127.1"sv, "0x7f.0.0.1"sv, "2130706433"sv,
                                "[::1]"sv, "fe80::1%lo"sv, "1.1.1.1\0x"sv, "1.1.1.1 "sv})
    EXPECT_FALSE(place_of(text)) << text;
}

TEST(Reach, the_operator_decides_on_private_networks_and_this_host_alone) {
  for (Place place : {Place::kLinkLocal, Place::kMetadata, Place::kMulticast, Place::kUnreachable})
    EXPECT_FALSE(may_reach(place, Reach{true, true})) << name(place);
  EXPECT_TRUE(may_reach(Place::kPublic, Reach{false, false}));
  EXPECT_TRUE(may_reach(Place::kPrivate, Reach{}));
  EXPECT_FALSE(may_reach(Place::kPrivate, Reach{false, true}));
  EXPECT_FALSE(may_reach(Place::kLoopback, Reach{}));
  EXPECT_TRUE(may_reach(Place::kLoopback, Reach{false, true}));
}

}  // namespace
}  // namespace trivet::sandbox
