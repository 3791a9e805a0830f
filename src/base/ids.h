#pragma once
// Ids: of calls (sortable by time) and internal tokens (secret).

#include <cstdint>
#include <string>
#include <string_view>

namespace trivet {

// A UUID of version 7 (RFC 9562): 48 bits of Unix milliseconds, then random bits. 36 characters.
// Thread-safe.
std::string new_call_id(int64_t unix_ms);

// Is it fit to be taken over from a caller: 1 to 64 characters of [A-Za-z0-9._-].
bool is_call_id(std::string_view text);

// 64 hex digits from the kernel's random source. Thread-safe.
std::string new_token();

// Takes the same time wherever the two differ.
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace trivet
