#pragma once
// Lines out of a stream of bytes: for stdout and stderr, and for JSON lines. Pure.
//
// A line ends at '\n' ('\r\n' loses the '\r' too). A line over the limit is cut there and marked;
// the rest of it is skipped, so memory stays bounded by the limit and the largest feed. Which lines
// come out does not depend on how the stream was cut into feeds.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace trivet::wire {

class LineSplitter {
 public:
  struct Line {
    std::string_view text;  // valid until the next feed(), next() or finish()
    bool cut = false;
  };
  explicit LineSplitter(size_t max_line) : max_line_(max_line) {}

  void feed(std::string_view bytes);
  // The next whole line, nothing when there is none. Take them all before the next feed(), or they
  // pile up.
  std::optional<Line> next();
  // At the end of the stream, when next() has nothing more: what came after the last newline,
  // nothing when that is empty.
  std::optional<Line> finish();

 private:
  Line emit(std::string_view text);

  size_t max_line_;
  std::string held_;       // unread bytes
  size_t at_ = 0;          // where they begin in held_
  size_t searched_ = 0;    // no newline lies between at_ and here
  bool skipping_ = false;  // inside a line that was cut
};

}  // namespace trivet::wire
