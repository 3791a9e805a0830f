#pragma once
// Takes a request's body in before a worker is asked for.
//
// A client that sends slowly, or not at all, must not hold a worker: that would let ten idle
// connections take a function out of service. What is small stays in memory, the rest goes to a
// file without a name, which the kernel removes with its last descriptor, however we end.

#include <filesystem>

#include "net/http_server.h"
#include "worker/call.h"

namespace trivet::gateway {

// Reads the whole body into `call`: its `input`, and `rest` when it is larger than what is kept in
// memory. kPayloadTooLarge over `limit` bytes, kIo when `dir` cannot take it, and the errors of
// net::Exchange::read_some.
loop::Task<Status> take_body(net::Exchange& exchange, size_t limit,
                             const std::filesystem::path& dir, worker::Call& call);

}  // namespace trivet::gateway
