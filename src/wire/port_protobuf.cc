// Protocol Buffers: Call and Result of docs/formats/trivet_worker.proto.
#include <boost/json.hpp>

#include "wire/json.h"
#include "wire/port_protocol.h"
#include "wire/protobuf.h"
#include "wire/text.h"

namespace trivet::wire {
namespace {

enum : uint32_t { kId = 1, kModule = 2, kFunction = 3, kArgs = 4 };   // Call
enum : uint32_t { kResult = 2, kError = 3 };                          // Result
enum : uint32_t { kMessage = 1, kCode = 2, kClass = 3, kStack = 4 };  // Failure

Result<PortFailure> failure_from(const ProtobufField& error) {
  PortFailure failure;
  ProtobufReader reader{error.bytes, error.offset};
  for (;;) {
    auto field = reader.next();
    if (!field) return std::move(field).error();
    if (!*field) break;
    std::string* target = nullptr;
    if ((*field)->number == kMessage) target = &failure.message;
    if ((*field)->number == kCode) target = &failure.code;
    if ((*field)->number == kClass) target = &failure.type;
    if ((*field)->number == kStack) target = &failure.stack;
    if (target) target->assign((*field)->bytes);
  }
  if (failure.message.empty()) failure.message = "no message";
  return failure;
}

// One field of a Result.
Status take(PortReply& reply, const ProtobufField& field) {
  ProtobufWire wire = field.number == kId ? ProtobufWire::kVarint : ProtobufWire::kBytes;
  if (field.number < kId || field.number > kError) return {};
  if (field.wire != wire)
    return Error{ErrorCode::kInvalidInput, "field " + std::to_string(field.number) +
                                               " of another type at offset " +
                                               std::to_string(field.offset)};
  if (field.number == kId) {
    if (field.value != 0) reply.id = field.value;
    return {};
  }
  reply.failure.reset();
  reply.result.clear();
  if (field.number == kError) {
    auto failure = failure_from(field);
    if (!failure) return std::move(failure).error();
    reply.failure = std::move(*failure);
    return {};
  }
  auto value = from_protobuf_value(field.bytes, field.offset);
  if (!value) return std::move(value).error();
  reply.result = to_text(*value);
  return {};
}

}  // namespace

Status encode_port_protobuf(std::string& out, const PortCall& call) {
  auto args = parse_json(call.args);
  if (!args) return std::move(args).error();
  append_protobuf_varint(out, kId, call.id);
  append_protobuf_bytes(out, kModule, call.module);
  append_protobuf_bytes(out, kFunction, call.function);
  for (const auto& arg : args->as_array()) {
    size_t opened = open_protobuf_message(out, kArgs);
    append_protobuf_value(out, arg);
    close_protobuf_message(out, opened);
  }
  return {};
}

Result<PortReply> decode_port_protobuf(std::string_view message) {
  PortReply reply;
  ProtobufReader reader{message};
  for (;;) {
    auto field = reader.next();
    if (!field) return std::move(field).error();
    if (!*field) break;
    if (Status taken = take(reply, **field); !taken) return std::move(taken).error();
  }
  if (reply.result.empty() && !reply.failure)
    return Error{ErrorCode::kInvalidInput, "the message has neither result nor error"};
  return reply;
}

}  // namespace trivet::wire
