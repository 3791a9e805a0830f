// links: wire
// JSON documents and strings out of arbitrary bytes: what is read can be written and read again.
#include <boost/json.hpp>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "wire/json.h"
#include "wire/text.h"

namespace {

using namespace trivet::wire;

// Writes and reads; aborts when that is refused.
std::string read_back(const std::string& text) {
  auto value = parse_json(text);
  if (!value) std::abort();
  return to_text(*value);
}

void check_document(std::string_view text) {
  auto value = parse_json(text);
  if (!value) return;
  std::string compact = to_text(*value);
  // Compared after a second reading: reading rounds a double, so the first text may differ.
  if (!is_utf8(compact) || read_back(compact) != read_back(to_pretty_text(*value))) std::abort();
  if (!value->is_object()) return;
  for (const auto& member : value->as_object()) {
    get_string(value->as_object(), member.key());
    get_int(value->as_object(), member.key());
  }
}

void check_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  auto value = parse_json(out);
  if (!value || !value->is_string()) std::abort();
  if (is_utf8(text) && std::string_view{value->as_string()} != text) std::abort();
}

void check_writer(std::string_view text) {
  std::string out;
  ObjectWriter writer{out};
  writer.text(text, text).number("n", static_cast<int64_t>(text.size())).boolean("b", true).close();
  if (!parse_json(out)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  std::string_view text{reinterpret_cast<const char*>(bytes), size};
  check_document(text);
  check_string(text);
  check_writer(text);
  return 0;
}
