#pragma once
// JSON, behind one door: Boost.JSON for documents, a writer that appends for the hot path.

#include <boost/json/fwd.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace trivet::wire {

namespace json = boost::json;

// Parses one document: depth at most 64, no comments, no trailing bytes, UTF-8 checked.
// kInvalidInput with the position otherwise, and for a number over the largest double.
Result<json::value> parse_json(std::string_view text);
// Compact, on one line. Always JSON: a double that is not finite becomes null, a string's bytes
// that are not UTF-8 become U+FFFD.
std::string to_text(const json::value& value);
// Indented by two spaces, members as inserted, a newline at the end.
std::string to_pretty_text(const json::value& value);

// Appends `text` as a JSON string with its quotes. Each byte that is not UTF-8 becomes U+FFFD.
void append_json_string(std::string& out, std::string_view text);

// Members of an object by key with a default: for meta objects from outside, where any member may
// be missing or of another type.
std::string_view get_string(const json::object& object, std::string_view key,
                            std::string_view otherwise = {});
int64_t get_int(const json::object& object, std::string_view key, int64_t otherwise = 0);
const json::object* get_object(const json::object& object, std::string_view key);
const json::array* get_array(const json::object& object, std::string_view key);

// Builds one flat JSON object by appending: {"a":"x","n":3}. `raw` values must be JSON already.
// A double has six digits; one that is not finite becomes 0.
class ObjectWriter {
 public:
  explicit ObjectWriter(std::string& out) : out_(out) { out_.push_back('{'); }
  ObjectWriter& text(std::string_view key, std::string_view value);
  ObjectWriter& number(std::string_view key, int64_t value);
  ObjectWriter& number(std::string_view key, double value);
  ObjectWriter& boolean(std::string_view key, bool value);
  ObjectWriter& raw(std::string_view key, std::string_view json);
  void close() { out_.push_back('}'); }

 private:
  void key(std::string_view key);
  std::string& out_;
  bool first_ = true;
};

}  // namespace trivet::wire
