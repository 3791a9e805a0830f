#pragma once
// Base64 (RFC 4648, with padding), for bytes that have to stand in JSON. Pure.
//
// In JSON that we make of other formats, a byte string is {"$base64": "..."}: an object with that
// one member. Text and bytes stay apart, and the way back finds the bytes again.

#include <boost/json/fwd.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace trivet::wire {

// The member's name.
inline constexpr std::string_view kBase64Member = "$base64";

std::string to_base64(std::string_view bytes);
// Nothing unless `text` is exactly what to_base64 writes: no spaces, no bits left over.
std::optional<std::string> from_base64(std::string_view text);

// {"$base64": "..."}, and the bytes of such an object; nothing for any other object.
boost::json::value json_of_bytes(std::string_view bytes);
std::optional<std::string> bytes_of_json(const boost::json::object& object);

}  // namespace trivet::wire
