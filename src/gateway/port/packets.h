#pragma once
// Packets on two descriptors: four bytes of length, highest first, and that many bytes. Neither
// side ever blocks the loop. On the loop's thread.

#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "loop/loop.h"
#include "loop/task.h"
#include "loop/watch.h"
#include "wire/message_splitter.h"

namespace trivet::gateway {

// Does not own the descriptor, which it makes non-blocking.
class PacketReader {
 public:
  PacketReader(loop::Loop& loop, int fd, size_t max_packet);
  // The next packet; nothing at the end of the input. kInvalidRequest when what comes is not
  // packets, kIo when it cannot be read: then there is nothing more. The packet is valid until the
  // next call.
  loop::Task<Result<std::optional<std::string_view>>> next();

 private:
  enum class Got { kBytes, kNothing, kEnd };
  Result<Got> read_more();

  int fd_;
  wire::MessageSplitter splitter_;
  std::optional<loop::Watch> watch_;  // none for what is always ready, such as a file
};

// Likewise. A broken pipe is silent: the end of the input tells.
class PacketWriter final : public loop::IoHandler {
 public:
  PacketWriter(loop::Loop& loop, int fd);
  ~PacketWriter();
  // Writes now as far as the pipe takes it, and keeps the rest. `packet` has its message from
  // `begun` on, which begin_message() gave.
  void send(std::string packet, size_t begun);
  // Much waits already: who can should not add to it.
  bool is_full() const { return !room_.is_set(); }
  // Until that is over.
  loop::Task<> has_room();
  // Until nothing waits, at most until `deadline`.
  loop::Task<> flushed(Instant deadline);
  void on_io(uint32_t events) override;

 private:
  void give_up();

  loop::Loop& loop_;
  int fd_;
  std::deque<std::string> queue_;
  size_t sent_ = 0;  // of queue_.front()
  size_t queued_ = 0;
  bool broken_ = false, watching_ = false;
  loop::Event room_, empty_;
};

}  // namespace trivet::gateway
