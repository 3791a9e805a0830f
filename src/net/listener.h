#pragma once
// Sockets that listen: opening them, taking over those that the service manager opened, and
// accepting from them.

#include <functional>
#include <vector>

#include "loop/loop.h"
#include "loop/scope.h"
#include "loop/task.h"
#include "net/address.h"

namespace trivet::net {

// A listening, non-blocking socket. A Unix socket's stale file is replaced when nobody answers on
// it; its mode is 0600. kIo when the address is in use, with a hint. `address.port` becomes the
// port that was chosen.
Result<os::Fd> listen_on(Address& address, Sharing sharing = Sharing::kNone);

// Makes a descriptor that somebody else opened fit for the loop. kInvalidRequest when it is no
// listening stream socket.
Status make_listening(const os::Fd& fd);

// Where a listening socket listens.
Address address_of(const os::Fd& listening);

// The sockets that the service manager handed to this process (LISTEN_FDS and LISTEN_PID, the
// protocol of sd_listen_fds(3)); empty when there are none. Clears the variables: children must not
// take them over. Call once, before threads start.
std::vector<os::Fd> inherited_sockets();

// Accepts connections of one listening socket while it is not paused. Loop thread.
class Listener final : public loop::IoHandler {
 public:
  // `on_connection` is given connected, non-blocking sockets; `has_room` is asked before each. When
  // there is no room the listener pauses: the rest waits in the backlog.
  Listener(loop::Loop& loop, os::Fd socket, std::function<bool()> has_room,
           std::function<void(os::Fd)> on_connection);
  ~Listener();

  void resume();  // there is room again

  void on_io(uint32_t events) override;

 private:
  void pause();
  loop::Task<> resume_later();

  loop::Loop& loop_;
  os::Fd fd_;
  std::function<bool()> has_room_;
  std::function<void(os::Fd)> on_connection_;
  bool paused_ = true;
  loop::Scope scope_;
};

}  // namespace trivet::net
