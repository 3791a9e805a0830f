#include "wire/msgpack.h"

#include <bit>
#include <boost/json.hpp>
#include <cmath>
#include <cstdint>
#include <optional>

#include "wire/base64.h"
#include "wire/text.h"

namespace trivet::wire {
namespace {

namespace json = boost::json;

// First bytes of the forms that are not packed into the byte itself.
enum : uint8_t {
  kNil = 0xC0,
  kNever = 0xC1,
  kFalse = 0xC2,
  kTrue = 0xC3,
  kBin8 = 0xC4,
  kExt8 = 0xC7,
  kExt32 = 0xC9,
  kFloat32 = 0xCA,
  kFloat64 = 0xCB,
  kUint8 = 0xCC,
  kUint64 = 0xCF,
  kInt8 = 0xD0,
  kInt64 = 0xD3,
  kFixExt1 = 0xD4,
  kFixExt16 = 0xD8,
  kStr8 = 0xD9,
  kStr16 = 0xDA,
  kArray16 = 0xDC,
  kMap16 = 0xDE,
};

// Reads one document; the first fault stops it and stays.
class Decoder {
 public:
  Decoder(std::string_view bytes, ValueLimits limits) : bytes_(bytes), limits_(limits) {}

  Result<json::value> document() {
    json::value value = read(0);
    if (!fault_ && at_ < bytes_.size()) fail("extra bytes after the document", at_);
    if (fault_) return std::move(*fault_);
    return value;
  }

 private:
  json::value read(size_t depth) {
    size_t begin = at_;
    if (++values_ > limits_.values)
      return fail("more than " + std::to_string(limits_.values) + " values", begin);
    auto tag = static_cast<uint8_t>(number(1));
    if (fault_) return nullptr;
    if (tag < 0x80) return int64_t{tag};
    if (tag < 0x90) return map(tag & 0x0FU, depth, begin);
    if (tag < 0xA0) return array(tag & 0x0FU, depth, begin);
    if (tag < 0xC0) return json::value(text(tag & 0x1FU, begin));
    if (tag >= 0xE0) return static_cast<int64_t>(static_cast<int8_t>(tag));
    if (tag >= kUint8 && tag <= kUint64) return unsigned_of(number(size_t{1} << (tag - kUint8)));
    if (tag >= kInt8 && tag <= kInt64) return signed_of(size_t{1} << (tag - kInt8));
    if (tag >= kBin8 && tag < kExt8)
      return json_of_bytes(take(number(size_t{1} << (tag - kBin8)), begin));
    if (tag >= kStr8 && tag < kArray16)
      return json::value(text(number(size_t{1} << (tag - kStr8)), begin));
    return rare(tag, depth, begin);
  }

  json::value rare(uint8_t tag, size_t depth, size_t begin) {
    switch (tag) {
      case kNil:
        return nullptr;
      case kFalse:
        return false;
      case kTrue:
        return true;
      case kFloat32:
        return finite(std::bit_cast<float>(static_cast<uint32_t>(number(4))), begin);
      case kFloat64:
        return finite(std::bit_cast<double>(number(8)), begin);
      case kArray16:
      case kArray16 + 1:
        return array(number(tag == kArray16 ? 2 : 4), depth, begin);
      case kMap16:
      case kMap16 + 1:
        return map(number(tag == kMap16 ? 2 : 4), depth, begin);
      case kNever:
        return fail("0xc1, which MessagePack never uses,", begin);
      default:
        return extension(tag, begin);
    }
  }

  json::value extension(uint8_t tag, size_t begin) {
    if (tag >= kExt8 && tag <= kExt32) number(size_t{1} << (tag - kExt8));
    auto type = static_cast<int8_t>(number(1));
    return fail(std::string{"an extension (ext, type "} + std::to_string(type) +
                    (type == -1 ? ", a timestamp)" : ")") + ", which JSON has no form for,",
                begin);
  }

  json::value array(uint64_t count, size_t depth, size_t begin) {
    json::array out;
    if (!enter(count, 1, depth, begin)) return nullptr;
    for (uint64_t i = 0; i < count && !fault_; ++i) out.push_back(read(depth + 1));
    return out;
  }

  json::value map(uint64_t count, size_t depth, size_t begin) {
    json::object out;
    if (!enter(count, 2, depth, begin)) return nullptr;
    for (uint64_t i = 0; i < count && !fault_; ++i) {
      size_t key_begin = at_;
      std::string key = key_of(read(depth + 1), key_begin);
      if (fault_) break;
      json::value value = read(depth + 1);
      if (!fault_ && !out.emplace(key, std::move(value)).second)
        fail("the key \"" + key + "\" for the second time", key_begin);
    }
    return out;
  }

  // Each item takes a byte at least: a count over what is left is refused before anything is made.
  bool enter(uint64_t count, size_t least, size_t depth, size_t begin) {
    if (depth >= limits_.depth)
      fail("more than " + std::to_string(limits_.depth) + " levels", begin);
    else if (!fault_ && count > (bytes_.size() - at_) / least)
      fail("a collection of " + std::to_string(count) + " items, cut short,", begin);
    return !fault_;
  }

  std::string key_of(const json::value& value, size_t begin) {
    if (const auto* text = value.if_string()) return std::string{*text};
    if (const auto* whole = value.if_int64()) return std::to_string(*whole);
    if (const auto* large = value.if_uint64()) return std::to_string(*large);
    fail("a map's key that is neither text nor a whole number", begin);
    return {};
  }

  std::string_view text(uint64_t size, size_t begin) {
    std::string_view out = take(size, begin);
    if (!fault_ && !is_utf8(out)) fail("text that is not UTF-8", begin);
    return out;
  }

  json::value finite(double value, size_t begin) {
    return std::isfinite(value) ? json::value(value)
                                : fail("a number that is not finite, which JSON has not,", begin);
  }

  json::value signed_of(size_t size) {
    uint64_t raw = number(size);
    auto shift = static_cast<int>(64 - 8 * size);
    return static_cast<int64_t>(raw << shift) >> shift;
  }

  static json::value unsigned_of(uint64_t value) {
    return value <= INT64_MAX ? json::value(static_cast<int64_t>(value)) : json::value(value);
  }

  // `size` bytes, big-endian.
  uint64_t number(size_t size) {
    uint64_t out = 0;
    for (unsigned char c : take(size, at_)) out = out << 8 | c;
    return out;
  }

  std::string_view take(uint64_t size, size_t begin) {
    if (!fault_ && size > bytes_.size() - at_) fail("the bytes end too early", begin);
    if (fault_ || size == 0) return "";
    std::string_view out = bytes_.substr(at_, size);
    at_ += size;
    return out;
  }

  std::nullptr_t fail(const std::string& what, size_t offset) {
    if (!fault_)
      fault_ = Error{ErrorCode::kInvalidInput, what + " at offset " + std::to_string(offset)};
    return nullptr;
  }

  std::string_view bytes_;
  ValueLimits limits_;
  size_t at_ = 0, values_ = 0;
  std::optional<Error> fault_;
};

void put(std::string& out, uint8_t tag, uint64_t value, size_t size) {
  out.push_back(static_cast<char>(tag));
  for (size_t i = size; i-- > 0;) out.push_back(static_cast<char>(value >> (8 * i)));
}

void put_unsigned(std::string& out, uint64_t value) {
  if (value < 0x80) return out.push_back(static_cast<char>(value));
  int power = value <= UINT8_MAX ? 0 : value <= UINT16_MAX ? 1 : value <= UINT32_MAX ? 2 : 3;
  put(out, static_cast<uint8_t>(kUint8 + power), value, size_t{1} << power);
}

void put_signed(std::string& out, int64_t value) {
  if (value >= 0) return put_unsigned(out, static_cast<uint64_t>(value));
  if (value >= -32) return out.push_back(static_cast<char>(value));
  int power = value >= INT8_MIN ? 0 : value >= INT16_MIN ? 1 : value >= INT32_MIN ? 2 : 3;
  put(out, static_cast<uint8_t>(kInt8 + power), static_cast<uint64_t>(value), size_t{1} << power);
}

// `fix` with the length in its low bits when that is below `fix_most`, else 8 (0: there is none),
// 16 or 32 bits of length after the tag.
void put_length(std::string& out, size_t length, uint8_t fix, size_t fix_most, uint8_t tag8,
                uint8_t tag16) {
  if (length < fix_most) return out.push_back(static_cast<char>(fix | length));
  if (tag8 != 0 && length <= UINT8_MAX) return put(out, tag8, length, 1);
  bool two = length <= UINT16_MAX;
  put(out, static_cast<uint8_t>(two ? tag16 : tag16 + 1), length, two ? 2 : 4);
}

void put_text(std::string& out, std::string_view text) {
  put_length(out, text.size(), 0xA0, 32, kStr8, kStr16);
  out.append(text);
}

void put_object(std::string& out, const json::object& object) {
  if (auto bytes = bytes_of_json(object)) {
    put_length(out, bytes->size(), 0, 0, kBin8, kBin8 + 1);
    out.append(*bytes);
    return;
  }
  put_length(out, object.size(), 0x80, 16, 0, kMap16);
  for (const auto& member : object) {
    put_text(out, member.key());
    append_msgpack(out, member.value());
  }
}

}  // namespace

Result<json::value> from_msgpack(std::string_view bytes, ValueLimits limits) {
  return Decoder{bytes, limits}.document();
}

void append_msgpack(std::string& out, const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return out.push_back(static_cast<char>(kNil));
    case json::kind::bool_:
      return out.push_back(static_cast<char>(value.get_bool() ? kTrue : kFalse));
    case json::kind::int64:
      return put_signed(out, value.get_int64());
    case json::kind::uint64:
      return put_unsigned(out, value.get_uint64());
    case json::kind::double_:
      return put(out, kFloat64, std::bit_cast<uint64_t>(value.get_double()), 8);
    case json::kind::string:
      return put_text(out, value.get_string());
    case json::kind::array:
      put_length(out, value.get_array().size(), 0x90, 16, 0, kArray16);
      for (const auto& item : value.get_array()) append_msgpack(out, item);
      return;
    case json::kind::object:
      return put_object(out, value.get_object());
  }
}

}  // namespace trivet::wire
