#pragma once
// The meta of a REPLY frame: status and headers of a Reply.

#include "wire/json.h"
#include "worker/call.h"

namespace trivet::worker {

// A Reply without a body. kInvalidOutput for a status that cannot be passed on: 1xx is not final,
// and there is nothing outside of 200 to 599.
Result<Reply> read_reply_meta(const wire::json::object& meta);

}  // namespace trivet::worker
