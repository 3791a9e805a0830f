#pragma once
// Tunnel: carries bytes between two connected sockets, both ways, as they come.
//
// Nothing is held here. A piece is looked at (MSG_PEEK), sent, and only what the other side took is
// removed: what a slow reader does not take stays in the kernel's buffers, whose limits make the
// sender wait. The scratch memory is shared by all tunnels of a loop. splice()
// would save up to a quarter of the CPU per byte, and takes two pipes per connection.

#include <cstdint>
#include <span>

#include "base/clock.h"
#include "loop/loop.h"
#include "loop/scope.h"
#include "loop/task.h"
#include "loop/watch.h"
#include "os/fd.h"

namespace trivet::net {

// The next close() of the socket resets its connection.
void reset_when_closed(const os::Fd& fd);

class Tunnel {
 public:
  enum class End {
    kClosed,  // both sides had said all
    kReset,   // one of them broke off
    kIdle,    // nothing moved for too long
  };
  // Both sockets are non-blocking; `scratch` outlives the tunnel and is used by one loop alone.
  Tunnel(loop::Loop& loop, os::Fd left, os::Fd right, Duration idle, std::span<char> scratch);
  // What did not end as kClosed is reset, both ways: half a message must not look whole.
  ~Tunnel();

  // Once. A side that ends is told to the other, which may go on sending.
  loop::Task<End> run();

  // Bytes that went from the left to the right, and back. Kept by the caller; may be shared.
  struct Counts {
    int64_t* to_right;
    int64_t* to_left;
  };
  void count_in(Counts counts) { counts_ = counts; }

 private:
  struct Side {
    Side(loop::Loop& loop, os::Fd f) : fd(std::move(f)), watch(loop, fd.get()) {}
    os::Fd fd;
    loop::Watch watch;
  };
  enum class Moved { kSome, kNothing, kEnd, kBroken };
  loop::Task<> pump(Side& from, Side& to, int64_t* count);
  Moved move_piece(Side& from, Side& to, int64_t* count);

  loop::Loop& loop_;
  Side left_, right_;
  Duration idle_;
  std::span<char> scratch_;
  Counts counts_;
  int64_t uncounted_ = 0;
  Instant moved_;       // when something went either way
  int directions_ = 2;  // that have not ended
  bool broken_ = false;
  loop::Event over_;
  loop::Scope pumps_;
};

}  // namespace trivet::net
