#pragma once
// The frame of docs/formats/frame.md: what host and worker say to each other. Pure; no I/O.
//
// Encoding appends to a byte string that goes out in one write. Decoding is incremental: feed bytes
// as they arrive, take frames until none is complete. A refused frame is refused at its header,
// before it is buffered.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "base/result.h"

namespace trivet::wire {

enum class FrameType : uint8_t {
  kLoad = 1,
  kCall = 2,
  kChunk = 3,
  kCancel = 4,
  kPing = 5,
  kAnswer = 6,
  kFork = 7,
  kDrain = 8,
  kCredit = 9,
  kHello = 65,
  kReady = 66,
  kReply = 67,
  kError = 68,
  kLog = 69,
  kPong = 70,
  kAsk = 71,
  kForked = 72,
  kBusy = 74,
};
std::string_view name(FrameType type);  // "REPLY"; "UNKNOWN" for a value outside the list

enum class More : bool { kNo = false, kYes = true };

// A decoded frame. meta and body point into the decoder's buffer: valid until its next feed() or
// next().
struct Frame {
  FrameType type{};
  More more = More::kNo;
  uint32_t call = 0;
  std::string_view meta;
  std::string_view body;
};

// Appends one frame. Precondition: meta at most kFrameMetaMax, total below 4 GiB.
void append_frame(std::string& out, FrameType type, uint32_t call, std::string_view meta,
                  std::string_view body, More more = More::kNo);
// The first kFrameHeader bytes and the meta only; the caller writes `body_size` bytes after it
// (large bodies: no copy).
void append_frame_head(std::string& out, FrameType type, uint32_t call, std::string_view meta,
                       size_t body_size, More more = More::kNo);

// Its buffer grows to the frame that has begun and is let go again after a large one, so an idle
// worker holds little. Small frames cost no allocation. Not thread-safe. After an error it stays
// failed.
class FrameDecoder {
 public:
  explicit FrameDecoder(size_t max_frame) : max_frame_(max_frame) {}

  // Room for at least `want` more bytes; write there, then say how many with added(). Invalidates
  // earlier frames.
  char* room(size_t want);
  void added(size_t count);
  void feed(std::string_view bytes);  // room + copy + added

  // The next complete frame, nothing when more bytes are needed, or kInvalidOutput that says what
  // was wrong.
  Result<std::optional<Frame>> next();

  // Bytes still missing of the frame that has begun (a good `want`), 0 when none has.
  size_t missing() const;
  // True when bytes of an incomplete frame are held: end of file now means half a frame.
  bool mid_frame() const;
  // Bytes of memory held.
  size_t capacity() const { return capacity_; }

 private:
  void compact(size_t want);
  void grow(size_t want);
  size_t frame_size() const;

  size_t max_frame_;
  std::unique_ptr<char[]> buffer_;
  size_t capacity_ = 0;
  size_t begin_ = 0, end_ = 0;  // the unread bytes of buffer_
  bool failed_ = false;
};

}  // namespace trivet::wire
