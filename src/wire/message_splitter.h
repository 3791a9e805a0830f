#pragma once
// Whole messages out of a stream of bytes, in the two framings that programs on a pipe use. Pure.
//
// kPacket4: four bytes of big-endian length, then that many bytes. kLines: a message a line, ended
// by '\n' ('\r' before it is dropped, empty lines are skipped). A message over the limit is refused
// as soon as that is known, of kPacket4 before any of it is held. Which messages come out does not
// depend on how the stream was cut into feeds. After an error it stays failed.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace trivet::wire {

enum class Framing { kPacket4, kLines };

class MessageSplitter {
 public:
  MessageSplitter(Framing framing, size_t max_message)
      : framing_(framing), max_message_(max_message) {}

  void feed(std::string_view bytes);
  // The next whole message, valid until the next feed() or next(); nothing when more bytes are
  // needed; kInvalidOutput with the size and the place when one is over the limit.
  Result<std::optional<std::string_view>> next();

  // Where in the stream the message that next() gave last began, its length field not counted.
  uint64_t offset() const { return offset_; }
  // Where in the stream the next message begins, its length field counted.
  uint64_t position() const { return dropped_ + at_; }
  // Part of a message is held: the end of the stream now means half a message.
  bool mid_message() const { return at_ < held_.size(); }

 private:
  Result<std::optional<std::string_view>> next_packet();
  Result<std::optional<std::string_view>> next_line();
  Error too_large(std::string size);
  std::string_view take(size_t head, size_t size, size_t tail);

  Framing framing_;
  size_t max_message_;
  std::string held_;
  size_t at_ = 0;         // where the unread bytes begin in held_
  size_t searched_ = 0;   // kLines: no '\n' lies between at_ and here
  uint64_t dropped_ = 0;  // bytes of the stream before held_
  uint64_t offset_ = 0;
  bool failed_ = false;
};

// A message is appended to `out` between these two. Lines: line breaks in the message become
// spaces, which in JSON is the same text. Precondition: the message is below 4 GiB.
size_t begin_message(std::string& out, Framing framing);  // gives the `begun` of end_message
void end_message(std::string& out, Framing framing, size_t begun);

}  // namespace trivet::wire
