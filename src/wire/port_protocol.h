#pragma once
// The protocols that a user's own program may speak on stdin and stdout
// (docs/formats/port-protocols.md). Pure.
//
// A protocol is a name, a framing, and two functions: a call as a message, a message as a reply.
// Each has a file port_<name>.cc; one more is that file and a row in port_protocol.cc.

#include <boost/json/fwd.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "wire/message_splitter.h"

namespace trivet::wire {

struct PortCall {
  uint64_t id = 0;  // from 1
  std::string_view module, function;
  std::string_view args;  // a JSON array, as text
};

struct PortFailure {
  std::string message;
  std::string code, type, stack;  // each may be empty
};

// A message of the program's.
struct PortReply {
  std::optional<uint64_t> id;  // nothing: the worker leaves ids out
  std::string result;          // JSON
  std::optional<PortFailure> failure;
  bool is_reply = true;  // false: there is nothing of the above, only what follows
  std::string print;     // for its log, not cut into lines
  std::string answer;    // a message that it gets back, without framing
};

struct PortProtocol {
  std::string_view name;  // the interface of a manifest
  Framing framing;
  // Appends the message, without framing. kInvalidInput when the protocol has no form for the
  // arguments.
  Status (*encode)(std::string& out, const PortCall& call);
  // kInvalidInput says what is wrong, and at which offset of the message.
  Result<PortReply> (*decode)(std::string_view message);
};

std::span<const PortProtocol> port_protocols();
const PortProtocol* find_port_protocol(std::string_view name);  // nullptr: no such protocol

// One call as it goes on the wire. On failure `out` is as it was.
Status append_port_call(std::string& out, const PortProtocol& protocol, const PortCall& call);

// What the protocols with JSON's values share: {"id": n, "result": v} or {"id": n, "error": e},
// with e a text, or an object with message, code, type and stack.
Result<PortReply> port_reply_of(const boost::json::value& message);
PortFailure port_failure_of(const boost::json::value& error);

Status encode_port_json(std::string& out, const PortCall& call);
Result<PortReply> decode_port_json(std::string_view message);
Status encode_port_msgpack(std::string& out, const PortCall& call);
Result<PortReply> decode_port_msgpack(std::string_view message);
Status encode_port_etf(std::string& out, const PortCall& call);
Result<PortReply> decode_port_etf(std::string_view message);
Status encode_port_erlport(std::string& out, const PortCall& call);
Result<PortReply> decode_port_erlport(std::string_view message);
Status encode_port_protobuf(std::string& out, const PortCall& call);
Result<PortReply> decode_port_protobuf(std::string_view message);

}  // namespace trivet::wire
