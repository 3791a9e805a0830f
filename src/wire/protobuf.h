#pragma once
// Protocol Buffers as far as docs/formats/trivet_worker.proto goes: fields on the wire, and its
// Value to and from JSON. Pure.
//
// Fields that are not known are skipped, groups are refused. Of a field that comes twice the last
// one counts; messages are not merged.

#include <boost/json/fwd.hpp>
#include <boost/json/value.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "wire/msgpack.h"  // ValueLimits

namespace trivet::wire {

enum class ProtobufWire : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct ProtobufField {
  uint32_t number = 0;
  ProtobufWire wire{};
  uint64_t value = 0;      // kVarint, kFixed64, kFixed32
  std::string_view bytes;  // kBytes; points into the message
  size_t offset = 0;       // where `bytes`, or the field, begins
};

// The fields of one message in order.
class ProtobufReader {
 public:
  // `base`: the offset of `message` in the document, for what errors say.
  explicit ProtobufReader(std::string_view message, size_t base = 0)
      : message_(message), base_(base) {}
  // Nothing at the end; kInvalidInput with the offset.
  Result<std::optional<ProtobufField>> next();

 private:
  std::optional<uint64_t> varint();
  std::optional<uint64_t> fixed(size_t size);
  Error fault(const std::string& what) const;

  std::string_view message_;
  size_t base_;
  size_t at_ = 0;
};

// The document of one Value message as JSON. kInvalidInput with the offset.
Result<boost::json::value> from_protobuf_value(std::string_view message, size_t base = 0,
                                               ValueLimits limits = {});
void append_protobuf_value(std::string& out, const boost::json::value& value);

// Fields. A message is appended between the two calls: open gives the `opened` of close.
void append_protobuf_varint(std::string& out, uint32_t field, uint64_t value);
void append_protobuf_bytes(std::string& out, uint32_t field, std::string_view bytes);
size_t open_protobuf_message(std::string& out, uint32_t field);
void close_protobuf_message(std::string& out, size_t opened);

}  // namespace trivet::wire
