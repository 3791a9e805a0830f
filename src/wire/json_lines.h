#pragma once
// Lines out of a stream of bytes: for stdout and stderr, and for JSON lines. Pure.
//
// A line ends at '\n' ('\r\n' loses the '\r' too). A line over the limit is cut there and marked;
// the rest of it is skipped, so memory stays bounded whatever comes in.

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
  // The next whole line, nothing when there is none.
  std::optional<Line> next();
  // At the end of the stream: what came after the last newline, nothing when that is empty.
  std::optional<Line> finish();

 private:
  Line emit(std::string_view text);

  size_t max_line_;
  std::string held_;       // unread bytes
  size_t at_ = 0;          // where they begin in held_
  bool skipping_ = false;  // inside a line that was cut
};

}  // namespace trivet::wire
