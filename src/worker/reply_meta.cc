#include "worker/reply_meta.h"

namespace trivet::worker {
namespace {

Result<int> status_of(const wire::json::object& meta) {
  const auto* status = meta.if_contains("status");
  if (!status || status->is_null()) return 200;
  int64_t number = wire::get_int(meta, "status");
  bool whole = !status->is_double() || static_cast<double>(number) == status->as_double();
  if (whole && number >= 200 && number <= 599) return static_cast<int>(number);
  return Error{ErrorCode::kInvalidOutput,
               "the function answered with the status " + wire::to_text(*status),
               "a status is a number from 200 to 599"};
}

}  // namespace

Result<Reply> read_reply_meta(const wire::json::object& meta) {
  auto status = status_of(meta);
  if (!status) return std::move(status).error();
  Reply reply;
  reply.status = *status;
  if (const auto* headers = wire::get_array(meta, "headers"))
    for (const auto& pair : *headers)
      if (pair.is_array() && pair.as_array().size() == 2 && pair.as_array()[0].is_string() &&
          pair.as_array()[1].is_string())
        reply.headers.emplace_back(pair.as_array()[0].as_string(), pair.as_array()[1].as_string());
  return reply;
}

}  // namespace trivet::worker
