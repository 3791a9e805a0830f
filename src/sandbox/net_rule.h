#pragma once
// Addresses that a function may be allowed to connect to, as people write them, and those that none
// may connect to. Pure.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sandbox/policy.h"

namespace trivet::sandbox {

// "api.example.com:443", "192.0.2.1:5432", "[2001:db8::1]:443". kInvalidInput with what is wrong
// and what to write instead: no port, a pattern, a range of addresses, or a host that
// why_forbidden() or why_forbidden_name() is about.
Result<NetRule> parse_net_rule(std::string_view text);
// As it is written: "[2001:db8::1]:443".
std::string text(const NetRule& rule);

// Why nobody's rule reaches the address of 4 bytes (IPv4) or 16 (IPv6), in network order:
// "loopback", "link-local", "a cloud's metadata", ... Empty when it can be allowed. IPv4 addresses
// within IPv6 ones (mapped, compatible, NAT64) are judged as such. For what a name stands for, too:
// a name that is allowed may resolve to anything.
std::string_view why_forbidden(std::span<const uint8_t> address);

// The same for a name, lower case: what stands for this machine or for a cloud's metadata.
std::string_view why_forbidden_name(std::string_view name);

}  // namespace trivet::sandbox
