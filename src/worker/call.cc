#include "worker/call.h"

namespace trivet::worker {

loop::Task<Status> gather(Reply& reply) {
  while (reply.rest) {
    auto piece = co_await reply.rest->next();
    if (!piece) co_return std::move(piece).error();
    if (piece->empty()) reply.rest.reset();
    reply.body += *piece;
  }
  co_return Status{};
}

}  // namespace trivet::worker
