#pragma once
// What stands in a request line: target, path, query, and the escapes of URLs (RFC 3986 section
// 2.1, RFC 9112 section 3.2). Pure.
//
// Nothing is normalised. A path that two readers could resolve in two ways is refused, every other
// path goes on byte for byte: what a function sees is what its caller sent.

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace trivet::wire {

// Views into the target, escapes as they came. `path` begins with '/', or is "*".
struct Target {
  std::string_view path;
  std::string_view query;  // without its '?'
};

// Of a target in origin form (/a?b), absolute form (http://host/a?b) or asterisk form (*). Nothing
// for any other, and for one that holds a control character, a blank or a '#'.
std::optional<Target> split_target(std::string_view target);

// Is it safe to hand this path (escapes as they came) to something that resolves it?
// - refused: a "." or ".." segment, however it is written: "/a/../b", "/%2e%2E/", "/x%2f..",
// "/..\\"
// - refused: two slashes in front; "//host/a" is another host to who reads it as a reference
// - refused: what percent_decode refuses, and a path that does not begin with '/'
// - kept: empty segments further on ("/a//b" is not "/a/b") and a slash at the end
//
// kInvalidRequest says which.
Status check_path(std::string_view path);

// One segment of a path, or a name or value of a query, with its %XX decoded. A plus stays a plus.
// kInvalidRequest for an escape that is cut short or not hexadecimal, a NUL, or a result that is
// not UTF-8. A decoded slash is kept as it is: split paths before decoding.
Result<std::string> percent_decode(std::string_view segment);

// The decoded value of the first `key` in a query ("a=1&b=2", names compared as they came); empty
// when it is not there. The errors of percent_decode.
Result<std::string> query_value(std::string_view query, std::string_view key);

}  // namespace trivet::wire
