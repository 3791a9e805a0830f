#include "wire/message_splitter.h"

#include <algorithm>

namespace trivet::wire {
namespace {

constexpr size_t kLengthField = 4;
constexpr size_t kKeepCapacity = size_t{1} << 20;  // a larger buffer is let go when it is empty

size_t length_at(const char* at) {
  size_t length = 0;
  for (size_t i = 0; i < kLengthField; ++i)
    length = length << 8 | static_cast<unsigned char>(at[i]);
  return length;
}

}  // namespace

void MessageSplitter::feed(std::string_view bytes) {
  if (at_ > 0) {
    held_.erase(0, at_);
    dropped_ += at_;
    searched_ -= std::min(searched_, at_);
    at_ = 0;
  }
  if (held_.empty() && held_.capacity() > kKeepCapacity) std::string{}.swap(held_);
  held_.append(bytes);
}

Result<std::optional<std::string_view>> MessageSplitter::next() {
  if (failed_)
    return Error{ErrorCode::kInvalidOutput, "nothing is read after a message that was refused"};
  return framing_ == Framing::kPacket4 ? next_packet() : next_line();
}

Result<std::optional<std::string_view>> MessageSplitter::next_packet() {
  using Next = std::optional<std::string_view>;
  size_t have = held_.size() - at_;
  if (have < kLengthField) return Next{};
  size_t length = length_at(held_.data() + at_);
  if (length > max_message_) return too_large(std::to_string(length) + " bytes");
  if (have < kLengthField + length) {
    held_.reserve(at_ + kLengthField + length);
    return Next{};
  }
  return Next{take(kLengthField, length, 0)};
}

Result<std::optional<std::string_view>> MessageSplitter::next_line() {
  using Next = std::optional<std::string_view>;
  for (;;) {
    size_t end = held_.find('\n', std::max(searched_, at_));
    size_t size = (end == std::string::npos ? held_.size() : end) - at_;
    bool returned = size > 0 && held_[at_ + size - 1] == '\r';
    if (size - (returned ? 1 : 0) > max_message_) return too_large("a line of more bytes");
    if (end == std::string::npos) {
      searched_ = held_.size();
      return Next{};
    }
    std::string_view line = take(0, size - (returned ? 1 : 0), returned ? 2 : 1);
    if (!line.empty()) return Next{line};
  }
}

std::string_view MessageSplitter::take(size_t head, size_t size, size_t tail) {
  std::string_view message{held_.data() + at_ + head, size};
  offset_ = dropped_ + at_ + head;
  at_ += head + size + tail;
  searched_ = at_;
  return message;
}

Error MessageSplitter::too_large(std::string size) {
  failed_ = true;
  return {ErrorCode::kInvalidOutput, "a message at byte " + std::to_string(position()) +
                                         " is over the limit of " + std::to_string(max_message_) +
                                         " bytes: " + std::move(size)};
}

size_t begin_message(std::string& out, Framing framing) {
  if (framing == Framing::kPacket4) out.append(kLengthField, '\0');
  return out.size();
}

void end_message(std::string& out, Framing framing, size_t begun) {
  if (framing == Framing::kLines) {
    auto breaks = [](char c) { return c == '\n' || c == '\r'; };
    std::replace_if(out.begin() + static_cast<std::ptrdiff_t>(begun), out.end(), breaks, ' ');
    out.push_back('\n');
    return;
  }
  size_t length = out.size() - begun;
  for (size_t i = 0; i < kLengthField; ++i)
    out[begun - kLengthField + i] = static_cast<char>(length >> (24 - 8 * i));
}

}  // namespace trivet::wire
