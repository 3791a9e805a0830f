// links: wire
// Durations, sizes, names and globs as people write them: the input's first line is one of these,
// its second the path that the glob is tried on.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "wire/text.h"

namespace {

using namespace trivet::wire;

void check_duration(std::string_view text) {
  auto duration = parse_duration(text);
  if (!duration) return;
  auto again = parse_duration(format_duration(*duration));
  if (duration->count() < 0 || !again || *again != *duration) std::abort();
}

// Every duration has a text, and it reads back.
void check_any_duration(std::string_view bytes) {
  int64_t count = 0;
  std::memcpy(&count, bytes.data(), std::min(bytes.size(), sizeof count));
  std::string text = format_duration(trivet::Duration{count});
  auto again = parse_duration(std::string_view{text}.substr(count < 0 ? 1 : 0));
  if (count != INT64_MIN && (!again || again->count() != std::abs(count))) std::abort();
}

void check_size(std::string_view text) {
  auto size = parse_size(text, 1024);
  if (!size) return;
  auto again = parse_size(format_size(*size));
  if (!again || *again != *size) std::abort();
}

void check_glob(std::string_view glob, std::string_view path) {
  bool matched = glob_match(glob, path);
  bool literal = glob.find_first_of("*?[{") == std::string_view::npos;
  if (literal && glob.size() < 4096 && matched != (glob == path)) std::abort();
  if (glob_match(glob, path) != matched) std::abort();
}

void check_utf8(std::string_view bytes) {
  bool valid = is_utf8(bytes);
  while (size_t step = utf8_sequence(bytes)) bytes.remove_prefix(step);
  if (valid != bytes.empty()) std::abort();
}

void check_names(std::string_view a, std::string_view b) {
  a = a.substr(0, 100), b = b.substr(0, 100);
  size_t distance = edit_distance(a, b);
  if (distance != edit_distance(b, a) || distance > std::max(a.size(), b.size())) std::abort();
  if ((distance == 0) != (a == b)) std::abort();
  std::string near = nearest(a, std::array{b});
  if (near.empty() != (distance > a.size() / 3 + 1) && !b.empty()) std::abort();
  if (is_function_name(a) && (is_no_source(a) && a != "node_modules")) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  std::string_view text{reinterpret_cast<const char*>(bytes), size};
  check_utf8(text);
  check_any_duration(text);
  if (text.ends_with('\n')) text.remove_suffix(1);  // an editor's
  size_t end = std::min(text.find('\n'), text.size());
  std::string_view first = text.substr(0, end);
  std::string_view second = text.substr(std::min(end + 1, text.size()));
  check_duration(first);
  check_size(first);
  check_glob(first, second);
  check_names(first, second);
  return 0;
}
