// MessagePack messages: the same maps as in JSON, converted.
#include <boost/json.hpp>

#include "wire/json.h"
#include "wire/msgpack.h"
#include "wire/port_protocol.h"

namespace trivet::wire {

Status encode_port_msgpack(std::string& out, const PortCall& call) {
  auto args = parse_json(call.args);
  if (!args) return std::move(args).error();
  append_msgpack(out, json::value{{"id", call.id},
                                  {"module", call.module},
                                  {"function", call.function},
                                  {"args", std::move(*args)}});
  return {};
}

Result<PortReply> decode_port_msgpack(std::string_view message) {
  auto value = from_msgpack(message);
  if (!value) return std::move(value).error();
  return port_reply_of(*value);
}

}  // namespace trivet::wire
