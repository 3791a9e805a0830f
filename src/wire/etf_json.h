#pragma once
// Terms as JSON and back: what a caller's terms are to a function, and a function's values to a
// caller. Pure.
//
//   term                               JSON
//   integer of any size, float         number, digit for digit; a float keeps its point
//   true, false; null, undefined       true, false; null
//   any other atom                     string
//   binary that is UTF-8               string
//   list, tuple                        array (a string is a list: an array of numbers; a list of
//                                      pairs stays a list of pairs)
//   map with keys that are binaries,   object; of keys that come to the same text the last counts
//   atoms or integers
//   any other binary                   {"$base64": base64}
//   improper list, bit string, pid,    {"$term": base64 of the term}: given back, it is the same
//   port, reference, function, map     term again
//   with other keys, an integer of
//   more than 16 KiB
//
// Back: strings are binaries, objects are maps with binary keys, null is the atom null, an integer
// is an integer whatever its size, {"$base64"} and {"$term"} are what they were made from.

#include <string>
#include <string_view>

#include "base/result.h"
#include "wire/etf.h"

namespace trivet::wire {

// Appends the term as compact JSON.
void append_json(std::string& out, const Term& term);
// kInvalidInput with the position when it is not one JSON document, or too deep.
Result<Term> term_from_json(std::string_view json);

// One external term as JSON text, for people. Errors of read_term.
Result<std::string> etf_to_json(std::string_view bytes);

}  // namespace trivet::wire
