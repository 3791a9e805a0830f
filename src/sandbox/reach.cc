#include "sandbox/reach.h"

#include <arpa/inet.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <string>

namespace trivet::sandbox {
namespace {

using V4 = std::array<uint8_t, 4>;
using V6 = std::array<uint8_t, 16>;

template <class Bytes>
struct Range {
  const char* from;
  int bits;
  Place place;
};

// The first that fits counts. IANA's registries of special-purpose addresses, and the addresses
// that clouds document for their machines.
constexpr Range<V4> kV4[]{
    {"0.0.0.0", 8, Place::kLoopback},        {"127.0.0.0", 8, Place::kLoopback},
    {"169.254.0.0", 16, Place::kLinkLocal},  {"100.100.100.200", 32, Place::kMetadata},
    {"168.63.129.16", 32, Place::kMetadata}, {"192.0.0.192", 32, Place::kMetadata},
    {"10.0.0.0", 8, Place::kPrivate},        {"172.16.0.0", 12, Place::kPrivate},
    {"192.168.0.0", 16, Place::kPrivate},    {"100.64.0.0", 10, Place::kPrivate},
    {"198.18.0.0", 15, Place::kPrivate},     {"192.0.0.0", 24, Place::kUnreachable},
    {"224.0.0.0", 4, Place::kMulticast},     {"255.255.255.255", 32, Place::kMulticast},
    {"240.0.0.0", 4, Place::kUnreachable},
};
constexpr Range<V6> kV6[]{
    {"::", 128, Place::kLoopback},           {"::1", 128, Place::kLoopback},
    {"fe80::", 10, Place::kLinkLocal},       {"fd00:ec2::254", 128, Place::kMetadata},
    {"fd20:ce::254", 128, Place::kMetadata}, {"fd00:42::42", 128, Place::kMetadata},
    {"fc00::", 7, Place::kPrivate},          {"fec0::", 10, Place::kPrivate},
    {"ff00::", 8, Place::kMulticast},        {"64:ff9b:1::", 48, Place::kUnreachable},
    {"2001::", 32, Place::kUnreachable},     {"100::", 64, Place::kUnreachable},
};

// Where an IPv6 address has an IPv4 address in it: mapped, compatible, NAT64, 6to4.
struct Carrier {
  const char* from;
  int bits;
  size_t offset;
};
constexpr Carrier kCarriers[]{
    {"::ffff:0:0", 96, 12}, {"::", 96, 12}, {"64:ff9b::", 96, 12}, {"2002::", 16, 2}};

constexpr std::array<std::string_view, 7> kNames{"public",   "private",   "loopback", "link-local",
                                                 "metadata", "multicast", "reserved"};

bool parse(const std::string& text, V4& out) { return inet_pton(AF_INET, text.c_str(), &out) == 1; }
bool parse(const std::string& text, V6& out) {
  return inet_pton(AF_INET6, text.c_str(), &out) == 1;
}

template <class Bytes>
bool begins_with(const Bytes& address, const char* prefix, int bits) {
  Bytes from{};
  parse(std::string{prefix}, from);
  auto whole = static_cast<size_t>(bits / 8);
  if (std::memcmp(address.data(), from.data(), whole) != 0) return false;
  int rest = bits % 8;
  return rest == 0 || (address[whole] ^ from[whole]) >> (8 - rest) == 0;
}

template <class Bytes, size_t n>
Place find(const Bytes& address, const Range<Bytes> (&ranges)[n]) {
  for (const auto& range : ranges)
    if (begins_with(address, range.from, range.bits)) return range.place;
  return Place::kPublic;
}

Place place_of_v6(const V6& address) {
  if (Place place = find(address, kV6); place != Place::kPublic) return place;
  for (const Carrier& carrier : kCarriers) {
    if (!begins_with(address, carrier.from, carrier.bits)) continue;
    V4 inner;
    std::memcpy(inner.data(), address.data() + carrier.offset, inner.size());
    return find(inner, kV4);
  }
  return Place::kPublic;
}

}  // namespace

std::string_view name(Place place) { return kNames[static_cast<size_t>(place)]; }

std::optional<Place> place_of(std::string_view address) {
  std::string text{address};
  if (text.find('\0') != std::string::npos) return std::nullopt;
  V4 v4;
  if (parse(text, v4)) return find(v4, kV4);
  V6 v6;
  if (parse(text, v6)) return place_of_v6(v6);
  return std::nullopt;
}

bool may_reach(Place place, Reach reach) {
  if (place == Place::kPublic) return true;
  if (place == Place::kPrivate) return reach.private_networks;
  return place == Place::kLoopback && reach.this_host;
}

}  // namespace trivet::sandbox
