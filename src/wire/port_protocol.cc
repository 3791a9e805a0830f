#include "wire/port_protocol.h"

#include <algorithm>
#include <boost/json.hpp>

#include "wire/json.h"

namespace trivet::wire {
namespace {

constexpr PortProtocol kProtocols[] = {
    {"packet4", Framing::kPacket4, encode_port_json, decode_port_json},
    {"ndjson", Framing::kLines, encode_port_json, decode_port_json},
    {"msgpack", Framing::kPacket4, encode_port_msgpack, decode_port_msgpack},
    {"protobuf", Framing::kPacket4, encode_port_protobuf, decode_port_protobuf},
    {"etf", Framing::kPacket4, encode_port_etf, decode_port_etf},
    {"erlport", Framing::kPacket4, encode_port_erlport, decode_port_erlport},
};

Error refused(std::string why) { return {ErrorCode::kInvalidInput, std::move(why)}; }

// Text as it is, anything else as JSON.
std::string text_of(const json::value* value) {
  if (!value || value->is_null()) return {};
  if (const auto* text = value->if_string()) return std::string{*text};
  return to_text(*value);
}

}  // namespace

std::span<const PortProtocol> port_protocols() { return kProtocols; }

const PortProtocol* find_port_protocol(std::string_view name) {
  const auto* found = std::find_if(std::begin(kProtocols), std::end(kProtocols),
                                   [name](const PortProtocol& p) { return p.name == name; });
  return found == std::end(kProtocols) ? nullptr : found;
}

Status append_port_call(std::string& out, const PortProtocol& protocol, const PortCall& call) {
  size_t before = out.size(), begun = begin_message(out, protocol.framing);
  if (Status encoded = protocol.encode(out, call); !encoded) {
    out.resize(before);
    return encoded;
  }
  end_message(out, protocol.framing, begun);
  return {};
}

PortFailure port_failure_of(const json::value& error) {
  PortFailure failure;
  if (const auto* object = error.if_object()) {
    failure.message = text_of(object->if_contains("message"));
    failure.code = text_of(object->if_contains("code"));
    failure.type = text_of(object->if_contains("type"));
    failure.stack = text_of(object->if_contains("stack"));
  }
  if (failure.message.empty()) failure.message = text_of(&error);
  return failure;
}

Result<PortReply> port_reply_of(const json::value& message) {
  const auto* object = message.if_object();
  if (!object) return refused("the message is not an object");
  PortReply reply;
  if (const auto* id = object->if_contains("id"); id && !id->is_null()) {
    if (id->is_int64() && id->get_int64() >= 0)
      reply.id = static_cast<uint64_t>(id->get_int64());
    else if (id->is_uint64())
      reply.id = id->get_uint64();
    else
      return refused("\"id\" is not a whole number: " + to_text(*id).substr(0, 40));
  }
  const auto* result = object->if_contains("result");
  const auto* error = object->if_contains("error");
  if (error && !error->is_null())
    reply.failure = port_failure_of(*error);
  else if (result)
    reply.result = to_text(*result);
  else
    return refused(R"(the message has neither "result" nor "error")");
  return reply;
}

}  // namespace trivet::wire
