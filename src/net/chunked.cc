#include "net/chunked.h"

#include <algorithm>
#include <charconv>

#include "base/limits.h"

namespace trivet::net {
namespace {

constexpr size_t kLineMost = 4 * limits::kKiB;  // of a chunk's size and its extensions
// Of all trailers: less than what is looked at in one piece, or one line without an end would be
// waited for for ever.
constexpr size_t kTrailersMost = 16 * limits::kKiB;
static_assert(kTrailersMost + 2 < limits::kFrameChunk);
constexpr size_t kSizeDigits = 15;  // less than 2^60: no overflow to think about

// No control bytes but the tab: what is between the line's ends cannot be taken for a line's end.
bool is_clean(std::string_view line) {
  return std::all_of(line.begin(), line.end(), [](char c) {
    auto u = static_cast<unsigned char>(c);
    return (u >= 0x20 && u != 0x7F) || c == '\t';
  });
}

}  // namespace

Result<size_t> ChunkReader::take(std::string_view bytes, std::string& out) {
  size_t used = 0;
  while (!done() && used < bytes.size()) {
    Step taken = step(bytes.substr(used), out);
    if (*taken.fault)
      return Error{ErrorCode::kInvalidRequest,
                   std::string{"the chunked body is malformed: "} + taken.fault};
    if (taken.used == 0) break;
    used += taken.used;
  }
  return used;
}

ChunkReader::Step ChunkReader::step(std::string_view bytes, std::string& out) {
  if (state_ == State::kBody) {
    auto n = static_cast<size_t>(std::min<uint64_t>(left_, bytes.size()));
    out.append(bytes.substr(0, n));
    left_ -= n;
    if (left_ == 0) state_ = State::kBodyEnd;
    return {n};
  }
  size_t end = bytes.find("\r\n");
  std::string_view line = bytes.substr(0, end);
  if (end == std::string_view::npos && line.ends_with('\r')) line.remove_suffix(1);
  if (!is_clean(line)) return {0, "a control byte in a line"};
  if (state_ == State::kBodyEnd && !line.empty()) return {0, "a chunk is longer than its size"};
  size_t most = state_ == State::kTrailer ? kTrailersMost - trailer_ : kLineMost;
  if (line.size() > most) return {0, "a line is too long"};
  if (end == std::string_view::npos) return {};
  if (state_ == State::kSize) return size_line(line);
  if (state_ == State::kTrailer) return trailer_line(line);
  state_ = State::kSize;
  return {line.size() + 2};
}

ChunkReader::Step ChunkReader::size_line(std::string_view line) {
  auto [end, failed] = std::from_chars(line.data(), line.data() + line.size(), left_, 16);
  auto digits = static_cast<size_t>(end - line.data());
  if (failed != std::errc{} || digits > kSizeDigits || line.front() == '-')
    return {0, "a chunk without a size"};
  std::string_view rest = line.substr(digits);
  size_t text = rest.find_first_not_of(" \t");
  if (text != std::string_view::npos && rest[text] != ';')
    return {0, "a chunk's size is followed by something else"};
  if (text == std::string_view::npos && !rest.empty()) return {0, "blanks behind a chunk's size"};
  state_ = left_ > 0 ? State::kBody : State::kTrailer;
  return {line.size() + 2};
}

ChunkReader::Step ChunkReader::trailer_line(std::string_view line) {
  if (line.empty()) state_ = State::kDone;
  size_t colon = line.find(':');
  bool fits = line.empty() ||
              (colon != std::string_view::npos && colon > 0 && line.find_first_of(" \t") > colon);
  if (!fits) return {0, "a trailer is no header"};
  trailer_ = std::min(trailer_ + line.size() + 2, kTrailersMost);
  return {line.size() + 2};
}

}  // namespace trivet::net
