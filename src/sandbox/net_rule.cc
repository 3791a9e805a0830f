#include "sandbox/net_rule.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>
#include <string>

namespace trivet::sandbox {
namespace {

using V4 = std::array<uint8_t, 4>;

struct Range4 {
  V4 base;
  int bits;
  std::string_view why;
};
constexpr Range4 kRanges4[] = {
    {{0, 0, 0, 0}, 8, "this machine"},  // 0.0.0.0 connects to loopback
    {{127, 0, 0, 0}, 8, "loopback"},
    {{169, 254, 0, 0}, 16, "link-local, where clouds have their metadata"},
    {{100, 100, 100, 200}, 32, "a cloud's metadata"},
    {{168, 63, 129, 16}, 32, "a cloud's metadata"},
    {{224, 0, 0, 0}, 4, "multicast"},
    {{255, 255, 255, 255}, 32, "broadcast"},
};

struct Range6 {
  std::array<uint8_t, 16> base;
  int bits;
  std::string_view why;
};
constexpr Range6 kRanges6[] = {
    {{}, 128, "this machine"},  // ::
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128, "loopback"},
    {{0xfe, 0x80}, 10, "link-local"},
    {{0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54}, 128, "a cloud's metadata"},
    {{0xfd, 0x20, 0x00, 0xce, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54}, 128, "a cloud's metadata"},
    {{0xff}, 8, "multicast"},
};

// What IPv6 addresses begin with that end with an IPv4 one.
constexpr std::array<uint8_t, 12> kWithV4[] = {
    {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff},       // mapped
    {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},             // compatible
    {0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0},       // translated
    {0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0}  // NAT64
};

bool starts_alike(const uint8_t* a, const uint8_t* b, int bits) {
  size_t whole = static_cast<size_t>(bits / 8);
  if (std::memcmp(a, b, whole) != 0) return false;
  int rest = bits % 8;
  return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

template <class Ranges>
std::string_view find_in(const Ranges& ranges, const uint8_t* address) {
  for (const auto& range : ranges)
    if (starts_alike(address, range.base.data(), range.bits)) return range.why;
  return {};
}

Error wrong(std::string_view text, const std::string& what, std::string hint) {
  return {ErrorCode::kInvalidInput, "\"" + std::string{text} + "\" " + what, std::move(hint)};
}

constexpr const char* kForm = "write it like api.example.com:443 or [2001:db8::1]:443";
constexpr const char* kInstead =
    "name each host with its port; a function that needs the host's whole network says "
    "sandbox: {level: process}";

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
         });
}

// Resolvers take "127.1" and "0x7f000001" for addresses: what ends like a number is no name.
bool ends_in_number(std::string_view label) {
  bool is_hex = label.starts_with("0x");
  return label.substr(is_hex ? 2 : 0)
             .find_first_not_of(is_hex ? "0123456789abcdef" : "0123456789") == label.npos;
}

bool is_name(std::string_view name) {
  if (name.size() > 253) return false;
  for (;;) {
    size_t dot = name.find('.');
    if (!is_label(name.substr(0, dot))) return false;
    if (dot == name.npos) return !ends_in_number(name);
    name.remove_prefix(dot + 1);
  }
}

std::optional<uint16_t> port_of(std::string_view text) {
  uint16_t port = 0;
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (failed != std::errc{} || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

std::string written(int family, const uint8_t* address) {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(family, address, text, sizeof text);
  return text;
}

// The host as rules have it, or what is wrong with it.
Result<std::string> host_of(std::string_view text, std::string host, bool in_brackets) {
  std::transform(host.begin(), host.end(), host.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (!in_brackets && host.ends_with('.')) host.pop_back();
  std::array<uint8_t, 16> bytes{};
  int family = in_brackets ? AF_INET6 : AF_INET;
  size_t length = in_brackets ? 16 : 4;
  bool is_address = inet_pton(family, host.c_str(), bytes.data()) == 1;
  std::string_view why =
      is_address ? why_forbidden({bytes.data(), length}) : why_forbidden_name(host);
  if (!why.empty())
    return wrong(text, "is " + std::string{why} + ": no function is let through to it",
                 "name a host of the network; what runs on this machine is reached with "
                 "sandbox: {level: process}");
  if (is_address) return written(family, bytes.data());
  if (in_brackets || !is_name(host)) return wrong(text, "names no host", kForm);
  return host;
}

}  // namespace

std::string_view why_forbidden(std::span<const uint8_t> address) {
  if (address.size() == 4) return find_in(kRanges4, address.data());
  if (address.size() != 16) return "no address";
  if (auto why = find_in(kRanges6, address.data()); !why.empty()) return why;
  for (const auto& prefix : kWithV4)
    if (std::memcmp(address.data(), prefix.data(), prefix.size()) == 0)
      return find_in(kRanges4, address.data() + prefix.size());
  return {};
}

std::string_view why_forbidden_name(std::string_view name) {
  for (std::string_view local :
       {"localhost", "localhost.localdomain", "localhost6", "ip6-localhost", "ip6-loopback"})
    if (name == local) return "loopback";
  if (name.ends_with(".localhost")) return "loopback";
  for (std::string_view cloud : {"metadata.google.internal", "metadata.goog", "instance-data"})
    if (name == cloud || (name.ends_with(cloud) && name[name.size() - cloud.size() - 1] == '.'))
      return "a cloud's metadata";
  return {};
}

std::string text(const NetRule& rule) {
  bool is_v6 = rule.host.find(':') != std::string::npos;
  return (is_v6 ? "[" + rule.host + "]" : rule.host) + ":" + std::to_string(rule.port);
}

Result<NetRule> parse_net_rule(std::string_view text) {
  if (text.find('*') != text.npos)
    return wrong(text, "is a pattern, and rules name one host each", kInstead);
  if (text.find("://") != text.npos) return wrong(text, "is a URL", kForm);
  if (text.find('/') != text.npos)
    return wrong(text, "is a range of addresses, and rules name one host each", kInstead);
  bool in_brackets = text.starts_with('[');
  size_t end = in_brackets ? text.find(']') : std::min(text.rfind(':'), text.size());
  if (end == text.npos) return wrong(text, "has no closing bracket", kForm);
  std::string_view host = in_brackets ? text.substr(1, end - 1) : text.substr(0, end);
  std::string_view rest = text.substr(std::min(end + (in_brackets ? 1 : 0), text.size()));
  if (!in_brackets && host.find(':') != host.npos)
    return wrong(text, "is an IPv6 address without brackets", kForm);
  if (rest.empty() || rest == ":") return wrong(text, "has no port", kForm);
  auto port = rest.front() == ':' ? port_of(rest.substr(1)) : std::nullopt;
  if (!port) return wrong(text, "has no port from 1 to 65535", kForm);
  auto name = host_of(text, std::string{host}, in_brackets);
  if (!name) return std::move(name).error();
  return NetRule{std::move(*name), *port};
}

}  // namespace trivet::sandbox
