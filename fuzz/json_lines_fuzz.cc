// links: wire
// Lines out of arbitrary bytes in arbitrary pieces, against splitting the whole text at once; each
// line is then read as JSON.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "wire/json.h"
#include "wire/json_lines.h"

namespace {

struct Line {
  std::string text;
  bool cut = false;
  bool operator==(const Line&) const = default;
};

std::vector<Line> split_at_once(std::string_view text, size_t max_line) {
  std::vector<Line> lines;
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back({std::string{line.substr(0, max_line)}, line.size() > max_line});
  }
  return lines;
}

// The sizes of the pieces follow from `seed`.
std::vector<Line> split_in_pieces(std::string_view text, size_t max_line, uint32_t seed) {
  trivet::wire::LineSplitter splitter{max_line};
  std::vector<Line> lines;
  while (!text.empty()) {
    seed = seed * 1664525 + 1013904223;
    size_t piece = 1 + (seed >> 24) % 32;
    splitter.feed(text.substr(0, piece));
    text.remove_prefix(std::min(piece, text.size()));
    while (auto line = splitter.next()) lines.push_back({std::string{line->text}, line->cut});
  }
  if (auto line = splitter.finish()) lines.push_back({std::string{line->text}, line->cut});
  return lines;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size < 2) return 0;
  size_t max_line = bytes[0];
  std::string_view text{reinterpret_cast<const char*>(bytes) + 2, size - 2};
  auto lines = split_in_pieces(text, max_line, bytes[1]);
  if (lines != split_at_once(text, max_line)) std::abort();
  for (const auto& line : lines)
    if (auto value = trivet::wire::parse_json(line.text); value)
      if (trivet::wire::to_text(*value).find('\n') != std::string::npos) std::abort();
  return 0;
}
