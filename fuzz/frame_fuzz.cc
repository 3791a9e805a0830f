// links: wire
// Frames out of arbitrary bytes: what comes out is what went in, and the same however the bytes
// were cut into reads.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "wire/frame.h"

namespace {

constexpr size_t kMaxFrame = 2000;

struct Outcome {
  std::string frames;  // encoded again
  bool refused = false;
  bool mid_frame = false;
  bool operator==(const Outcome&) const = default;
};

Outcome decode(std::string_view bytes, size_t piece) {
  using trivet::wire::FrameDecoder;
  FrameDecoder decoder{kMaxFrame};
  Outcome outcome;
  while (!bytes.empty() && !outcome.refused) {
    decoder.feed(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
    for (;;) {
      auto frame = decoder.next();
      outcome.refused = !frame.ok();
      if (!frame || !*frame) break;
      const auto& f = **frame;
      append_frame(outcome.frames, f.type, f.call, f.meta, f.body, f.more);
    }
    if (!outcome.refused && decoder.missing() > kMaxFrame + 4) std::abort();
    if (!outcome.refused && decoder.mid_frame() == (decoder.missing() == 0)) std::abort();
  }
  outcome.mid_frame = decoder.mid_frame();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size == 0) return 0;
  std::string_view all{reinterpret_cast<const char*>(bytes) + 1, size - 1};
  Outcome at_once = decode(all, all.size() + 1);
  Outcome in_pieces = decode(all, 1 + bytes[0] % 64);
  if (!all.starts_with(at_once.frames)) std::abort();
  if (at_once.frames != in_pieces.frames || at_once.refused != in_pieces.refused) std::abort();
  if (!at_once.refused && at_once.mid_frame != (at_once.frames.size() < all.size())) std::abort();
  if (!at_once.refused && at_once != in_pieces) std::abort();
  return 0;
}
