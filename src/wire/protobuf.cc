#include "wire/protobuf.h"

#include <bit>
#include <boost/json.hpp>
#include <cmath>

#include "wire/base64.h"
#include "wire/text.h"

namespace trivet::wire {
namespace {

namespace json = boost::json;

// Numbers of docs/formats/trivet_worker.proto.
enum : uint32_t {
  kNull = 1,
  kBoolean = 2,
  kInteger = 3,
  kUnsigned = 4,
  kNumber = 5,
  kText = 6,
  kBinary = 7,
  kList = 8,
  kMap = 9,
};
constexpr uint32_t kItems = 1, kMembers = 1, kKey = 1, kValue = 2;

constexpr size_t kVarintMost = 10;

void put_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

void put_tag(std::string& out, uint32_t field, ProtobufWire wire) {
  put_varint(out, uint64_t{field} << 3 | static_cast<uint64_t>(wire));
}

uint64_t zigzag(int64_t value) {
  return static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63);
}

int64_t unzigzag(uint64_t value) { return static_cast<int64_t>(value >> 1 ^ (~(value & 1) + 1)); }

// Value messages as JSON; the first fault stops it and stays.
class Decoder {
 public:
  explicit Decoder(ValueLimits limits) : limits_(limits) {}

  json::value value(std::string_view message, size_t base, size_t depth) {
    if (++values_ > limits_.values)
      return fail("more than " + std::to_string(limits_.values) + " values", base);
    if (depth > limits_.depth)
      return fail("more than " + std::to_string(limits_.depth) + " levels", base);
    json::value out;
    each_field(message, base, [&](const ProtobufField& field) {
      if (field.number < kNull || field.number > kMap) return;
      out = kind(field, depth);
    });
    return out;
  }

  std::optional<Error>& fault() { return fault_; }

 private:
  template <class Take>
  void each_field(std::string_view message, size_t base, Take take) {
    ProtobufReader reader{message, base};
    while (!fault_) {
      auto field = reader.next();
      if (!field) fault_ = std::move(field).error();
      if (fault_ || !*field) return;
      take(**field);
    }
  }

  json::value kind(const ProtobufField& field, size_t depth) {
    constexpr ProtobufWire kWires[] = {ProtobufWire::kVarint, ProtobufWire::kVarint,
                                       ProtobufWire::kVarint, ProtobufWire::kVarint,
                                       ProtobufWire::kFixed64};
    ProtobufWire wire =
        field.number <= kNumber ? kWires[field.number - kNull] : ProtobufWire::kBytes;
    if (field.wire != wire) return wrong_wire(field);
    switch (field.number) {
      case kBoolean:
        return field.value != 0;
      case kInteger:
        return unzigzag(field.value);
      case kUnsigned:
        return field.value <= INT64_MAX ? json::value(static_cast<int64_t>(field.value))
                                        : json::value(field.value);
      case kNumber:
        if (double number = std::bit_cast<double>(field.value); std::isfinite(number))
          return number;
        return fail("a number that is not finite, which JSON has not,", field.offset);
      case kText:
        return json::value(text(field));
      case kBinary:
        return json_of_bytes(field.bytes);
      case kList:
        return list(field, depth + 1);
      case kMap:
        return map(field, depth + 1);
      default:
        return nullptr;
    }
  }

  json::value list(const ProtobufField& list, size_t depth) {
    json::array out;
    each_field(list.bytes, list.offset, [&](const ProtobufField& field) {
      if (field.number != kItems) return;
      if (field.wire != ProtobufWire::kBytes) return void(wrong_wire(field));
      out.push_back(value(field.bytes, field.offset, depth));
    });
    return out;
  }

  json::value map(const ProtobufField& map, size_t depth) {
    json::object out;
    each_field(map.bytes, map.offset, [&](const ProtobufField& entry) {
      if (entry.number != kMembers) return;
      if (entry.wire != ProtobufWire::kBytes) return void(wrong_wire(entry));
      std::string_view key = "";  // never null: Boost copies from it
      json::value member;
      each_field(entry.bytes, entry.offset, [&](const ProtobufField& field) {
        if (field.number != kKey && field.number != kValue) return;
        if (field.wire != ProtobufWire::kBytes) return void(wrong_wire(field));
        if (field.number == kKey)
          key = text(field);
        else
          member = value(field.bytes, field.offset, depth);
      });
      out[key] = std::move(member);
    });
    return out;
  }

  std::string_view text(const ProtobufField& field) {
    if (!is_utf8(field.bytes)) fail("text that is not UTF-8", field.offset);
    return fault_ || field.bytes.empty() ? "" : field.bytes;
  }

  std::nullptr_t wrong_wire(const ProtobufField& field) {
    return fail("field " + std::to_string(field.number) + " of another type", field.offset);
  }

  std::nullptr_t fail(const std::string& what, size_t offset) {
    if (!fault_)
      fault_ = Error{ErrorCode::kInvalidInput, what + " at offset " + std::to_string(offset)};
    return nullptr;
  }

  ValueLimits limits_;
  size_t values_ = 0;
  std::optional<Error> fault_;
};

}  // namespace

Result<std::optional<ProtobufField>> ProtobufReader::next() {
  using Next = std::optional<ProtobufField>;
  if (at_ == message_.size()) return Next{};
  ProtobufField field;
  field.offset = base_ + at_;
  auto tag = varint();
  if (!tag) return fault("a field's number that is cut short or too long");
  field.number = static_cast<uint32_t>(*tag >> 3);
  field.wire = static_cast<ProtobufWire>(*tag & 7);
  if (*tag >> 3 == 0 || *tag >> 32 != 0) return fault("a field with an impossible number");
  std::optional<uint64_t> value;
  switch (field.wire) {
    case ProtobufWire::kVarint:
    case ProtobufWire::kBytes:
      value = varint();
      break;
    case ProtobufWire::kFixed64:
      value = fixed(8);
      break;
    case ProtobufWire::kFixed32:
      value = fixed(4);
      break;
    default:
      return fault("a group, or a wire type that does not exist,");
  }
  if (!value) return fault("a field that is cut short or too long");
  field.value = *value;
  if (field.wire == ProtobufWire::kBytes) {
    if (*value > message_.size() - at_)
      return fault("a field of " + std::to_string(*value) + " bytes, cut short,");
    field.offset = base_ + at_;
    field.bytes = message_.substr(at_, *value);
    at_ += *value;
  }
  return Next{field};
}

std::optional<uint64_t> ProtobufReader::varint() {
  uint64_t out = 0;
  for (size_t i = 0; i < kVarintMost && at_ < message_.size(); ++i) {
    auto byte = static_cast<unsigned char>(message_[at_++]);
    if (i == kVarintMost - 1 && byte > 1) return std::nullopt;  // more than 64 bits
    out |= uint64_t{byte & 0x7FU} << (7 * i);
    if (byte < 0x80) return out;
  }
  return std::nullopt;
}

// Little-endian.
std::optional<uint64_t> ProtobufReader::fixed(size_t size) {
  if (size > message_.size() - at_) return std::nullopt;
  uint64_t out = 0;
  for (size_t i = 0; i < size; ++i)
    out |= uint64_t{static_cast<unsigned char>(message_[at_++])} << (8 * i);
  return out;
}

Error ProtobufReader::fault(const std::string& what) const {
  return {ErrorCode::kInvalidInput, what + " before offset " + std::to_string(base_ + at_)};
}

Result<json::value> from_protobuf_value(std::string_view message, size_t base, ValueLimits limits) {
  Decoder decoder{limits};
  json::value value = decoder.value(message, base, 0);
  if (decoder.fault()) return std::move(*decoder.fault());
  return value;
}

void append_protobuf_varint(std::string& out, uint32_t field, uint64_t value) {
  put_tag(out, field, ProtobufWire::kVarint);
  put_varint(out, value);
}

void append_protobuf_bytes(std::string& out, uint32_t field, std::string_view bytes) {
  put_tag(out, field, ProtobufWire::kBytes);
  put_varint(out, bytes.size());
  out.append(bytes);
}

size_t open_protobuf_message(std::string& out, uint32_t field) {
  put_tag(out, field, ProtobufWire::kBytes);
  return out.size();
}

// The length is known now: it is put before the message.
void close_protobuf_message(std::string& out, size_t opened) {
  std::string length;
  put_varint(length, out.size() - opened);
  out.insert(opened, length);
}

void append_protobuf_value(std::string& out, const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return append_protobuf_varint(out, kNull, 0);
    case json::kind::bool_:
      return append_protobuf_varint(out, kBoolean, value.get_bool() ? 1 : 0);
    case json::kind::int64:
      return append_protobuf_varint(out, kInteger, zigzag(value.get_int64()));
    case json::kind::uint64:
      if (value.get_uint64() <= INT64_MAX)
        return append_protobuf_varint(out, kInteger, value.get_uint64() << 1);
      return append_protobuf_varint(out, kUnsigned, value.get_uint64());
    case json::kind::double_: {
      put_tag(out, kNumber, ProtobufWire::kFixed64);
      auto bits = std::bit_cast<uint64_t>(value.get_double());
      for (int i = 0; i < 8; ++i) out.push_back(static_cast<char>(bits >> (8 * i)));
      return;
    }
    case json::kind::string:
      return append_protobuf_bytes(out, kText, value.get_string());
    case json::kind::array: {
      size_t list = open_protobuf_message(out, kList);
      for (const auto& item : value.get_array()) {
        size_t opened = open_protobuf_message(out, kItems);
        append_protobuf_value(out, item);
        close_protobuf_message(out, opened);
      }
      return close_protobuf_message(out, list);
    }
    case json::kind::object:
      break;
  }
  const auto& object = value.get_object();
  if (auto bytes = bytes_of_json(object)) return append_protobuf_bytes(out, kBinary, *bytes);
  size_t map = open_protobuf_message(out, kMap);
  for (const auto& member : object) {
    size_t entry = open_protobuf_message(out, kMembers);
    append_protobuf_bytes(out, kKey, member.key());
    size_t opened = open_protobuf_message(out, kValue);
    append_protobuf_value(out, member.value());
    close_protobuf_message(out, opened);
    close_protobuf_message(out, entry);
  }
  close_protobuf_message(out, map);
}

}  // namespace trivet::wire
