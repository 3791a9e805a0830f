#pragma once
// MessagePack to and from JSON values. Pure.
//
//   nil, bool, int, float, str, array, map    their JSON counterparts
//   int above INT64_MAX                       an unsigned number, up to UINT64_MAX
//   bin                                       {"$base64": "..."} (wire/base64.h), both ways
//   a map's key                               text; a whole number becomes its decimal text
//   ext, timestamps, NaN, infinity            refused: JSON has nothing for them
//   text that is not UTF-8, a key twice       refused
//
// Encoding takes the shortest form of each integer and length, and 64 bits for every float.

#include <boost/json/fwd.hpp>
#include <boost/json/value.hpp>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace trivet::wire {

// How much one document may make us hold: a byte on the wire can become a value of 16 bytes.
struct ValueLimits {
  size_t depth = 64;          // arrays and maps within each other
  size_t values = 4'000'000;  // in the whole document
};

// Exactly one document. kInvalidInput with the offset otherwise.
Result<boost::json::value> from_msgpack(std::string_view bytes, ValueLimits limits = {});

// Precondition: every text and collection is below 4 GiB.
void append_msgpack(std::string& out, const boost::json::value& value);

}  // namespace trivet::wire
