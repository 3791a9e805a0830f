// JSON messages: the arguments go out, and the result comes back, as the text that it is.
#include <boost/json.hpp>
#include <charconv>

#include "wire/json.h"
#include "wire/json_members.h"
#include "wire/port_protocol.h"

namespace trivet::wire {

Status encode_port_json(std::string& out, const PortCall& call) {
  out.append("{\"id\":").append(std::to_string(call.id)).append(",\"module\":");
  append_json_string(out, call.module);
  out.append(",\"function\":");
  append_json_string(out, call.function);
  out.append(",\"args\":").append(call.args).push_back('}');
  return {};
}

Result<PortReply> decode_port_json(std::string_view message) {
  auto members = json_members(message);
  if (!members) return std::move(members).error();
  PortReply reply;
  if (const auto* id = find_member(*members, "id"); id && id->value != "null") {
    uint64_t number = 0;
    const char* end = id->value.data() + id->value.size();
    auto read = std::from_chars(id->value.data(), end, number);
    if (read.ec != std::errc{} || read.ptr != end)
      return Error{ErrorCode::kInvalidInput,
                   "\"id\" is not a whole number: " + std::string{id->value.substr(0, 40)}};
    reply.id = number;
  }
  const auto* error = find_member(*members, "error");
  if (error && error->value != "null") {
    auto value = parse_json(error->value);
    if (!value) return std::move(value).error();
    reply.failure = port_failure_of(*value);
    return reply;
  }
  const auto* result = find_member(*members, "result");
  if (!result)
    return Error{ErrorCode::kInvalidInput, R"(the message has neither "result" nor "error")"};
  reply.result = result->value;
  return reply;
}

}  // namespace trivet::wire
