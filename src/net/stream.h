#pragma once
// Stream: a connected socket on the loop, with a buffer for what came and was not used yet.
//
// It is frugal with system calls: a read that filled less than its room emptied the socket, so the
// next one waits for news; several parts are sent in one write. A write is tried before it waits.

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "loop/loop.h"
#include "loop/task.h"
#include "loop/watch.h"
#include "os/fd.h"

namespace trivet::net {

class Stream {
 public:
  enum class Got { kBytes, kEnd, kNothing };
  enum class Sent { kAll, kPart, kFailed };
  enum class Peer { kThere, kHalfClosed, kGone };
  // Sent one after another; what was sent is removed from the front.
  using Parts = std::array<std::string_view, 3>;

  // `unread` came before.
  Stream(loop::Loop& loop, os::Fd fd, std::string_view unread = {});

  // What was read and not consumed. Valid until the next read, consume() or trim().
  std::string_view unread() const { return {buffer_.get() + begin_, end_ - begin_}; }
  void consume(size_t count);
  // Gives the buffer's memory back while there is nothing in it.
  void trim();

  // One read that does not wait. kNothing: wait with readable() first.
  Got read_now();
  // Waits for readable() and reads. kNothing: the deadline passed.
  loop::Task<Got> read(Instant deadline);
  bool may_read() const { return watch_.may_read(); }
  loop::Watch::Awaiter readable(Instant deadline) { return watch_.readable(deadline); }

  // One write that does not wait.
  Sent send_now(Parts& parts);
  // Sends all. kCancelled when the peer is gone or takes nothing for `patience`. What the parts
  // point to must outlive the task.
  loop::Task<Status> send(Parts parts, Duration patience);

  // `event` is set when the peer closes its side or more; nullptr ends that.
  void tell_hang_up(loop::Event* event) { watch_.tell_hang_up(event); }
  bool hung_up() const { return watch_.hung_up(); }
  Peer peer() const;
  std::string peer_text() const;  // "127.0.0.1:51234", "unix"
  // Of who is at the other end of a Unix socket, as the kernel knows it: UINT32_MAX when it does
  // not; all its groups.
  uint32_t peer_uid() const;
  std::vector<uint32_t> peer_groups() const;
  // The socket, for somebody else. Destroy the stream before it is used.
  os::Fd release() { return std::move(fd_); }

  void end_sending();  // the peer sees the end; what it sends is still read
  void end();          // both ways; a read sees the end

 private:
  void make_room();

  loop::Loop& loop_;
  os::Fd fd_;
  loop::Watch watch_;
  std::unique_ptr<char[]> buffer_;
  size_t size_ = 0, begin_ = 0, end_ = 0;
  unsigned in_a_row_ = 0;  // reads without waiting
  bool filled_ = false;    // the last read took all the room: more at once the next time
};

}  // namespace trivet::net
