#pragma once
// The chunked coding (RFC 9112 section 7.1), taken apart strictly: a chunk's size line, extensions
// and trailers have limits, lines end with CR LF, extensions and trailers are checked and dropped.
// Beast's own decoder asserts on some ways of splitting a body, so it is not used.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace trivet::net {

class ChunkReader {
 public:
  // Takes what it can of `bytes`, appends the body's bytes to `out`, says how many it took; the
  // rest must be passed again with more behind it. kInvalidRequest for what is no chunk.
  Result<size_t> take(std::string_view bytes, std::string& out);
  bool done() const { return state_ == State::kDone; }

 private:
  enum class State { kSize, kBody, kBodyEnd, kTrailer, kDone };
  struct Step {
    size_t used = 0;         // 0: needs more bytes
    const char* fault = "";  // not empty: malformed
  };
  Step step(std::string_view bytes, std::string& out);
  Step size_line(std::string_view line);
  Step trailer_line(std::string_view line);

  State state_ = State::kSize;
  uint64_t left_ = 0;   // of this chunk
  size_t trailer_ = 0;  // bytes of the trailer so far
};

}  // namespace trivet::net
