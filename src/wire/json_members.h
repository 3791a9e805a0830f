#pragma once
// The members of a JSON object with their values as they stand in the text: who passes a value on
// does not rewrite it, and not one digit is lost. Pure.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace trivet::wire {

// What parse_json checks, without building the document; kInvalidInput with the position.
Status check_json(std::string_view text);

struct JsonMember {
  std::string key;
  std::string_view value;  // its text, without space around it; points into the document
};
// In order; a key that comes twice is there twice, and the last is meant. kInvalidInput with the
// position when `text` is not one JSON document, or the document is not an object.
Result<std::vector<JsonMember>> json_members(std::string_view text);
// The last member of that key, nullptr without one.
const JsonMember* find_member(const std::vector<JsonMember>& members, std::string_view key);

// The text of a JSON string, decoded. Precondition: `value` is valid JSON. kInvalidInput when it is
// not a string.
Result<std::string> json_string(std::string_view value);

}  // namespace trivet::wire
