#pragma once
// Connects without blocking the loop.

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "loop/loop.h"
#include "loop/task.h"
#include "os/fd.h"

namespace trivet::net {

// A connected, non-blocking socket that answers at once (TCP_NODELAY) and notices a peer that is
// gone (SO_KEEPALIVE). `host` is numeric. kUnavailable with the address and the reason.
loop::Task<Result<os::Fd>> dial(loop::Loop& loop, std::string host, uint16_t port,
                                Instant deadline);

// Does the address belong to an interface of this machine? (Of the loopback's, 127.0.0.1 and ::1
// alone count.) Sends nothing.
bool is_this_host(const std::string& address);

}  // namespace trivet::net
