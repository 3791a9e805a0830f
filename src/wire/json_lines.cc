#include "wire/json_lines.h"

namespace trivet::wire {

void LineSplitter::feed(std::string_view bytes) {
  held_.erase(0, at_);
  searched_ -= at_;
  at_ = 0;
  if (skipping_) {  // then nothing is held
    size_t end = bytes.find('\n');
    if (end == std::string_view::npos) return;
    skipping_ = false;
    bytes.remove_prefix(end + 1);
  }
  held_.append(bytes);
}

std::optional<LineSplitter::Line> LineSplitter::next() {
  std::string_view held{held_};
  size_t end = held.find('\n', searched_);
  if (end != std::string_view::npos) {
    std::string_view line = held.substr(at_, end - at_);
    at_ = searched_ = end + 1;
    return emit(line);
  }
  searched_ = held.size();
  std::string_view rest = held.substr(at_);
  // One byte more than fits may be the '\r' of a line that just fits.
  bool may_fit = rest.size() == max_line_ + 1 && rest.back() == '\r';
  if (rest.size() <= max_line_ || may_fit) return std::nullopt;
  skipping_ = true;
  at_ = held.size();
  return Line{rest.substr(0, max_line_), true};
}

std::optional<LineSplitter::Line> LineSplitter::finish() {
  std::string_view rest = std::string_view{held_}.substr(at_);
  at_ = searched_ = held_.size();
  if (rest.empty()) return std::nullopt;
  return emit(rest);
}

LineSplitter::Line LineSplitter::emit(std::string_view text) {
  if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  if (text.size() > max_line_) return {text.substr(0, max_line_), true};
  return {text, false};
}

}  // namespace trivet::wire
