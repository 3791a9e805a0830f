#pragma once
// Base64 with its usual alphabet and padding. Pure.

#include <optional>
#include <string>
#include <string_view>

namespace trivet::wire {

std::string to_base64(std::string_view bytes);
// Nothing when it is not Base64: another letter, a wrong length, bits left over.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace trivet::wire
