#include "wire/json_lines.h"

namespace trivet::wire {

void LineSplitter::feed(std::string_view bytes) {
  held_.erase(0, at_);
  at_ = 0;
  if (skipping_) {
    size_t end = bytes.find('\n');
    if (end == std::string_view::npos) return;
    skipping_ = false;
    bytes.remove_prefix(end + 1);
  }
  held_.append(bytes);
}

std::optional<LineSplitter::Line> LineSplitter::next() {
  for (;;) {
    std::string_view rest{held_.data() + at_, held_.size() - at_};
    size_t end = rest.find('\n');
    if (skipping_) {
      at_ = end == std::string_view::npos ? held_.size() : at_ + end + 1;
      if (end == std::string_view::npos) return std::nullopt;
      skipping_ = false;
      continue;
    }
    if (end != std::string_view::npos) {
      at_ += end + 1;
      return emit(rest.substr(0, end));
    }
    if (rest.size() <= max_line_) return std::nullopt;
    skipping_ = true;
    at_ = held_.size();
    return Line{rest.substr(0, max_line_), true};
  }
}

std::optional<LineSplitter::Line> LineSplitter::finish() {
  std::string_view rest{held_.data() + at_, held_.size() - at_};
  at_ = held_.size();
  if (rest.empty() || skipping_) return std::nullopt;
  return emit(rest);
}

LineSplitter::Line LineSplitter::emit(std::string_view text) {
  if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  if (text.size() > max_line_) return {text.substr(0, max_line_), true};
  return {text, false};
}

}  // namespace trivet::wire
