#pragma once
// The formats that trivet speaks on its wires, as JSON: for looking at bytes.

#include <string>
#include <string_view>
#include <vector>

#include "trivet/error.h"
#include "trivet/result.h"

namespace trivet {

struct Codec {
  std::string_view name;   // "msgpack"
  std::string_view reads;  // for people: what it takes
};
// All there are, in the order in which they are shown.
std::vector<Codec> codecs();

// `bytes` as JSON, one line a document or message, each ended by a newline. kInvalidInput with the
// position and the reason when they are not what the codec reads: `decoded` then holds the lines of
// what came before. kInvalidRequest when there is no such codec.
Status decode_to_json(std::string_view codec, std::string_view bytes, std::string& decoded);

}  // namespace trivet
