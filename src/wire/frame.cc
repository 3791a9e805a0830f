#include "wire/frame.h"

#include <algorithm>
#include <cstring>

namespace trivet::wire {
namespace {

constexpr size_t kLengthField = 4;
constexpr size_t kMinLength = limits::kFrameHeader - kLengthField;
constexpr size_t kKeepCapacity = 1 * limits::kMiB;  // a larger buffer is let go when it can be

void put_u32(char* at, size_t value) {
  for (int i = 0; i < 4; ++i) at[i] = static_cast<char>(value >> (24 - 8 * i));
}

uint32_t get_u32(const char* at) {
  const auto* b = reinterpret_cast<const unsigned char*>(at);
  return uint32_t{b[0]} << 24 | uint32_t{b[1]} << 16 | uint32_t{b[2]} << 8 | uint32_t{b[3]};
}

Error refused(std::string why) {
  return {ErrorCode::kInvalidOutput, "frame refused: " + std::move(why)};
}

// What is wrong with a header; empty when nothing is.
std::string fault(const char* head, size_t max_frame) {
  size_t length = get_u32(head), meta_length = get_u32(head + 12);
  if (length < kMinLength) return "length " + std::to_string(length) + " is below 12";
  if (length > max_frame)
    return "length " + std::to_string(length) + " is over the limit of " +
           std::to_string(max_frame);
  if (meta_length > limits::kFrameMetaMax || meta_length > length - kMinLength)
    return "meta length " + std::to_string(meta_length) + " does not fit";
  if ((head[5] & ~1) != 0 || head[6] != 0 || head[7] != 0) return "reserved bits are set";
  return {};
}

}  // namespace

std::string_view name(FrameType type) {
  switch (type) {
    case FrameType::kLoad:
      return "LOAD";
    case FrameType::kCall:
      return "CALL";
    case FrameType::kChunk:
      return "CHUNK";
    case FrameType::kCancel:
      return "CANCEL";
    case FrameType::kPing:
      return "PING";
    case FrameType::kAnswer:
      return "ANSWER";
    case FrameType::kFork:
      return "FORK";
    case FrameType::kDrain:
      return "DRAIN";
    case FrameType::kCredit:
      return "CREDIT";
    case FrameType::kHello:
      return "HELLO";
    case FrameType::kReady:
      return "READY";
    case FrameType::kReply:
      return "REPLY";
    case FrameType::kError:
      return "ERROR";
    case FrameType::kLog:
      return "LOG";
    case FrameType::kPong:
      return "PONG";
    case FrameType::kAsk:
      return "ASK";
    case FrameType::kForked:
      return "FORKED";
    case FrameType::kBusy:
      return "BUSY";
  }
  return "UNKNOWN";
}

void append_frame_head(std::string& out, FrameType type, uint32_t call, std::string_view meta,
                       size_t body_size, More more) {
  char head[limits::kFrameHeader] = {};
  put_u32(head, kMinLength + meta.size() + body_size);
  head[4] = static_cast<char>(type);
  head[5] = more == More::kYes ? 1 : 0;
  put_u32(head + 8, call);
  put_u32(head + 12, meta.size());
  out.append(head, sizeof head).append(meta);
}

void append_frame(std::string& out, FrameType type, uint32_t call, std::string_view meta,
                  std::string_view body, More more) {
  append_frame_head(out, type, call, meta, body.size(), more);
  out.append(body);
}

char* FrameDecoder::room(size_t want) {
  bool idle_front = begin_ >= kKeepCapacity && begin_ > end_ - begin_;
  if (begin_ == end_ || idle_front || capacity_ - end_ < want) compact(want);
  if (capacity_ - end_ < want) grow(want);
  return buffer_.get() + end_;
}

// Moves the unread bytes to the front, into a smaller buffer when a large one is not needed.
void FrameDecoder::compact(size_t want) {
  size_t held = end_ - begin_;
  if (capacity_ > kKeepCapacity && held + want <= kKeepCapacity) {
    auto smaller = std::make_unique_for_overwrite<char[]>(held + want);
    std::memcpy(smaller.get(), buffer_.get() + begin_, held);
    buffer_ = std::move(smaller);
    capacity_ = held + want;
  } else if (begin_ > 0 && held > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, held);
  }
  begin_ = 0;
  end_ = held;
}

// To the end of the frame that has begun: memory that is not written to yet costs nothing. Without
// such a frame, doubles. Precondition: compact.
void FrameDecoder::grow(size_t want) {
  size_t least = end_ + want, frame = std::min(frame_size(), kLengthField + max_frame_);
  capacity_ = frame >= least ? frame : std::max(least, 2 * capacity_);
  auto larger = std::make_unique_for_overwrite<char[]>(capacity_);
  if (end_ > 0) std::memcpy(larger.get(), buffer_.get(), end_);
  buffer_ = std::move(larger);
}

void FrameDecoder::added(size_t count) { end_ += count; }

void FrameDecoder::feed(std::string_view bytes) {
  if (bytes.empty()) return;
  std::memcpy(room(bytes.size()), bytes.data(), bytes.size());
  added(bytes.size());
}

Result<std::optional<Frame>> FrameDecoder::next() {
  if (failed_) return refused("nothing is read after a refused frame");
  size_t have = end_ - begin_;
  if (have == 0 && capacity_ > kKeepCapacity) {
    buffer_.reset();
    capacity_ = begin_ = end_ = 0;
  }
  if (have < limits::kFrameHeader) return std::optional<Frame>{};
  const char* head = buffer_.get() + begin_;
  size_t length = get_u32(head), meta_length = get_u32(head + 12);
  if (std::string why = fault(head, max_frame_); !why.empty()) {
    failed_ = true;
    return refused(std::move(why));
  }
  if (have < kLengthField + length) return std::optional<Frame>{};
  begin_ += kLengthField + length;
  std::string_view payload{head + limits::kFrameHeader, length - kMinLength};
  return std::optional<Frame>{Frame{static_cast<FrameType>(static_cast<uint8_t>(head[4])),
                                    head[5] == 1 ? More::kYes : More::kNo, get_u32(head + 8),
                                    payload.substr(0, meta_length), payload.substr(meta_length)}};
}

// All bytes of the frame that has begun, 0 while its header is not whole.
size_t FrameDecoder::frame_size() const {
  if (end_ - begin_ < limits::kFrameHeader) return 0;
  return kLengthField + get_u32(buffer_.get() + begin_);
}

size_t FrameDecoder::missing() const {
  size_t have = end_ - begin_;
  if (have == 0) return 0;
  if (have < limits::kFrameHeader) return limits::kFrameHeader - have;
  size_t whole = frame_size();
  return whole > have ? whole - have : 0;
}

bool FrameDecoder::mid_frame() const { return begin_ != end_; }

}  // namespace trivet::wire
