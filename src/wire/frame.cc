#include "wire/frame.h"

#include <algorithm>
#include <cstring>

namespace trivet::wire {
namespace {

constexpr size_t kLengthField = 4;
constexpr size_t kMinLength = limits::kFrameHeader - kLengthField;
constexpr size_t kKeepCapacity = 1 * limits::kMiB;  // a larger buffer is let go once it is empty

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
  if (begin_ == end_) {
    begin_ = end_ = 0;
    if (buffer_.size() > kKeepCapacity && want <= kKeepCapacity) std::string{}.swap(buffer_);
  }
  if (buffer_.size() - end_ < want && begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() - end_ < want) buffer_.resize(std::max(end_ + want, buffer_.size() * 2));
  return buffer_.data() + end_;
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
  if (have < limits::kFrameHeader) return std::optional<Frame>{};
  const char* head = buffer_.data() + begin_;
  size_t length = get_u32(head), meta_length = get_u32(head + 12);
  failed_ = true;
  if (length < kMinLength) return refused("length " + std::to_string(length) + " is below 12");
  if (length > max_frame_)
    return refused("length " + std::to_string(length) + " is over the limit of " +
                   std::to_string(max_frame_));
  if (meta_length > limits::kFrameMetaMax || meta_length > length - kMinLength)
    return refused("meta length " + std::to_string(meta_length) + " does not fit");
  auto flags = static_cast<unsigned char>(head[5]);
  if (flags > 1 || head[6] != 0 || head[7] != 0) return refused("reserved bits are set");
  failed_ = false;
  if (have < kLengthField + length) return std::optional<Frame>{};
  Frame frame;
  frame.type = static_cast<FrameType>(static_cast<uint8_t>(head[4]));
  frame.more = flags == 1 ? More::kYes : More::kNo;
  frame.call = get_u32(head + 8);
  frame.meta = {head + limits::kFrameHeader, meta_length};
  frame.body = {head + limits::kFrameHeader + meta_length, length - kMinLength - meta_length};
  begin_ += kLengthField + length;
  return std::optional<Frame>{frame};
}

size_t FrameDecoder::missing() const {
  size_t have = end_ - begin_;
  if (have == 0) return 0;
  if (have < limits::kFrameHeader) return limits::kFrameHeader - have;
  size_t whole = kLengthField + get_u32(buffer_.data() + begin_);
  return whole > have ? whole - have : 0;
}

bool FrameDecoder::mid_frame() const { return begin_ != end_; }

}  // namespace trivet::wire
