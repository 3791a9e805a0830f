// Reading terms.
#include "wire/etf.h"

#include <zlib.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>

#include "wire/etf_tags.h"
#include "wire/text.h"

namespace trivet::wire {
namespace {

using namespace etf;

constexpr size_t kAtomMost = 255;  // characters
constexpr int64_t kCodePointMost = 0x10FFFF;
constexpr size_t kOldFloat = 31;  // bytes of a float as text

void append_utf8(std::string& out, uint32_t c) {
  auto byte = [&out](uint32_t value) { out.push_back(static_cast<char>(value)); };
  if (c < 0x80) return byte(c);
  int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;  // bytes after the first, six bits each
  byte((0xF80U >> more & 0xF0U) | c >> (6 * more));
  while (more-- > 0) byte(0x80 | (c >> (6 * more) & 0x3F));
}

std::string utf8_of_latin1(std::string_view text) {
  std::string out;
  for (unsigned char c : text) append_utf8(out, c);
  return out;
}

size_t characters(std::string_view utf8) {
  size_t n = 0;
  for (unsigned char c : utf8) n += (c & 0xC0) != 0x80;
  return n;
}

// Reads from `bytes` at `at`. After a failure every read gives nothing, so that only ends need a
// look.
class TermReader {
 public:
  TermReader(std::string_view bytes, const TermLimits& limits) : bytes_(bytes), limits_(limits) {}

  Result<Term> whole() {
    if (u8() != kVersion) fail("a term begins with the byte 131");
    if (!error_ && at_ < bytes_.size() && static_cast<uint8_t>(bytes_[at_]) == kCompressed)
      expand();
    Term out = term(0);
    if (!error_ && at_ < bytes_.size()) fail("there is more after the term");
    if (error_) return *std::move(error_);
    return out;
  }

 private:
  void fail(std::string why, ErrorCode code = ErrorCode::kInvalidInput) {
    if (!error_) error_ = Error{code, std::move(why) + " (at byte " + std::to_string(at_) + ")"};
    at_ = bytes_.size();
  }
  std::string_view take(size_t n) {
    if (error_ || n > bytes_.size() - at_) {
      fail("the term is cut off");
      return {};
    }
    return bytes_.substr(std::exchange(at_, at_ + n), n);
  }
  uint64_t number(size_t width) {
    uint64_t n = 0;
    for (unsigned char c : take(width)) n = n << 8 | c;
    return n;
  }
  uint8_t u8() { return static_cast<uint8_t>(number(1)); }

  // The rest, expanded: it may have the size that it says, and no more than the limit.
  void expand() {
    ++at_;
    size_t size = number(4);
    if (error_) return;
    if (size > limits_.bytes)
      return fail("the term expands to " + std::to_string(size) + " bytes, at most " +
                      std::to_string(limits_.bytes) + " are taken",
                  ErrorCode::kPayloadTooLarge);
    std::string_view packed = bytes_.substr(at_);
    expanded_.resize(size);
    z_stream stream{};
    if (inflateInit(&stream) != Z_OK) return fail("the term could not be expanded");
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
    stream.avail_in = static_cast<uInt>(packed.size());
    char none = 0;  // inflate wants room even when there is nothing to come
    stream.next_out = reinterpret_cast<Bytef*>(size == 0 ? &none : expanded_.data());
    stream.avail_out = static_cast<uInt>(size == 0 ? 1 : size);
    int end = inflate(&stream, Z_FINISH);
    bool right = end == Z_STREAM_END && stream.total_out == size && stream.avail_in == 0;
    inflateEnd(&stream);
    if (!right) return fail("the compressed term is damaged");
    bytes_ = expanded_;
    at_ = 0;
  }

  // How many there are, which must not be more than bytes are left for them.
  size_t count(size_t width, size_t least_bytes_each) {
    size_t n = number(width);
    if (error_) return 0;
    if (n > (bytes_.size() - at_) / least_bytes_each) {
      fail("the term is cut off");
      return 0;
    }
    return n;
  }

  Term term(size_t depth) {
    if (depth > limits_.depth)
      fail("terms lie too deep in each other", ErrorCode::kPayloadTooLarge);
    if (++count_ > limits_.count) fail("there are too many terms", ErrorCode::kPayloadTooLarge);
    size_t begin = at_;
    uint8_t tag = u8();
    if (error_) return {};
    switch (tag) {
      case kSmallInteger:
        return int64_t{u8()};
      case kInteger:
        return int64_t{static_cast<int32_t>(number(4))};
      case kSmallBig:
        return big(number(1));
      case kLargeBig:
        return big(number(4));
      case kNewFloat:
        return new_float();
      case kFloat:
        return old_float();
      case kAtomLatin1:
        return atom(2, true);
      case kSmallAtomLatin1:
        return atom(1, true);
      case kAtomUtf8:
        return atom(2, false);
      case kSmallAtomUtf8:
        return atom(1, false);
      case kBinary:
        return Binary{std::string{take(number(4))}};
      case kBitBinary:
        return bits();
      case kNil:
        return List{};
      case kString:
        return string();
      case kList:
        return list(depth);
      case kSmallTuple:
        return Tuple{items(count(1, 1), depth)};
      case kLargeTuple:
        return Tuple{items(count(4, 1), depth)};
      case kMap:
        return map(depth);
      default:
        skip_opaque(tag, depth);
        return error_ ? Term{} : Term{Opaque{std::string{bytes_.substr(begin, at_ - begin)}}};
    }
  }

  Term big(size_t size) {
    bool negative = u8() != 0;
    std::string_view digits = take(size);
    while (!digits.empty() && digits.back() == '\0') digits.remove_suffix(1);
    if (digits.size() <= 8) {
      uint64_t n = 0;
      for (size_t i = digits.size(); i-- > 0;) n = n << 8 | static_cast<unsigned char>(digits[i]);
      constexpr uint64_t kEdge = uint64_t{1} << 63;
      if (n < kEdge || (negative && n == kEdge))
        return static_cast<int64_t>(negative ? uint64_t{0} - n : n);
    }
    return BigInteger{negative, std::string{digits}};
  }

  Term real(double value) {
    if (!std::isfinite(value)) fail("a float is not a number");
    return value;
  }
  Term new_float() {
    uint64_t raw = number(8);
    double value = 0;
    std::memcpy(&value, &raw, sizeof value);
    return real(value);
  }
  Term old_float() {
    std::string_view text = take(kOldFloat);
    text = text.substr(0, text.find('\0'));
    double value = NAN;
    auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (!error_ && (ec != std::errc{} || end != text.data() + text.size()))
      fail("a float is not a number");
    return error_ ? Term{} : real(value);
  }

  Term atom(size_t width, bool latin1) {
    std::string_view raw = take(number(width));
    std::string name = latin1 ? utf8_of_latin1(raw) : std::string{raw};
    if (!is_utf8(name)) fail("an atom is not UTF-8");
    if (characters(name) > kAtomMost) fail("an atom has more than 255 characters");
    return Atom{std::move(name)};
  }

  Term bits() {
    size_t size = number(4);
    uint8_t last = u8();
    std::string bytes{take(size)};
    if (last > 8 || (last == 0) != bytes.empty())
      fail("a bit string says how many bits it has not");
    if (error_ || last == 8 || last == 0) return Binary{std::move(bytes)};
    bytes.back() = static_cast<char>(bytes.back() & (0xFF << (8 - last)));
    return Bits{std::move(bytes), last};
  }

  Term string() {
    std::string_view bytes = take(number(2));
    count_ += bytes.size();
    if (count_ > limits_.count) fail("there are too many terms", ErrorCode::kPayloadTooLarge);
    List out;
    if (error_) return out;
    out.items.reserve(bytes.size());
    for (unsigned char c : bytes) out.items.emplace_back(int64_t{c});
    return out;
  }

  std::vector<Term> items(size_t n, size_t depth) {
    std::vector<Term> out;
    out.reserve(std::min<size_t>(n, 64));
    for (size_t i = 0; i < n && !error_; ++i) out.push_back(term(depth + 1));
    return out;
  }

  Term list(size_t depth) {
    List out{items(count(4, 1), depth), {}};
    Term tail = term(depth + 1);
    if (const auto* more = tail.as<List>(); more && more->items.empty()) return out;
    if (out.items.empty()) return tail;  // [|tail]
    if (auto* more = std::get_if<List>(&tail.value)) {
      for (auto& item : more->items) out.items.push_back(std::move(item));
      out.tail = std::move(more->tail);
    } else {
      out.tail.push_back(std::move(tail));
    }
    return out;
  }

  Term map(size_t depth) {
    size_t n = count(4, 2);
    Map out;
    for (size_t i = 0; i < n && !error_; ++i) {
      Term key = term(depth + 1);
      Term value = term(depth + 1);
      out.members.emplace_back(std::move(key), std::move(value));
    }
    return out;
  }

  void skip_atom(size_t depth) {
    if (!term(depth + 1).as<Atom>()) fail("a name in it is no atom");
  }

  // A node's name and what tells the thing from others there.
  void skip_of_node(size_t depth, size_t rest) {
    skip_atom(depth);
    take(rest);
  }

  void skip_opaque(uint8_t tag, size_t depth) {
    switch (tag) {
      case kPid:
        return skip_of_node(depth, 4 + 4 + 1);
      case kNewPid:
        return skip_of_node(depth, 4 + 4 + 4);
      case kPort:
      case kReference:
        return skip_of_node(depth, 4 + 1);
      case kNewPort:
        return skip_of_node(depth, 4 + 4);
      case kV4Port:
        return skip_of_node(depth, 8 + 4);
      case kNewReference: {
        size_t words = number(2);
        return skip_of_node(depth, 1 + 4 * words);
      }
      case kNewerReference: {
        size_t words = number(2);
        return skip_of_node(depth, 4 + 4 * words);
      }
      case kNewFunction: {
        size_t size = number(4);
        if (size < 4) return fail("a function is cut off");
        return void(take(size - 4));
      }
      case kExport:
        skip_atom(depth);
        skip_atom(depth);
        return void(term(depth + 1));
      case kFunction: {
        size_t captured = count(4, 1);
        for (size_t i = 0; i < captured + 4 && !error_; ++i) term(depth + 1);
        return;
      }
      default:
        --at_;
        return fail("there is no term with the tag " + std::to_string(tag));
    }
  }

  std::string_view bytes_;
  const TermLimits& limits_;
  size_t at_ = 0, count_ = 0;
  std::string expanded_;
  std::optional<Error> error_;
};

}  // namespace

Result<Term> read_term(std::string_view bytes, const TermLimits& limits) {
  if (bytes.size() > limits.bytes)
    return Error{ErrorCode::kPayloadTooLarge, "the term has " + std::to_string(bytes.size()) +
                                                  " bytes, at most " +
                                                  std::to_string(limits.bytes) + " are taken"};
  return TermReader{bytes, limits}.whole();
}

std::optional<std::string> term_text(const Term& term) {
  if (const auto* atom = term.as<Atom>()) return atom->name;
  if (const auto* binary = term.as<Binary>())
    return is_utf8(binary->bytes) ? std::optional{binary->bytes} : std::nullopt;
  const auto* list = term.as<List>();
  if (!list || !list->tail.empty()) return std::nullopt;
  std::string text;
  for (const auto& item : list->items) {
    const auto* c = item.as<int64_t>();
    if (!c || *c < 1 || *c > kCodePointMost || (*c >= 0xD800 && *c < 0xE000)) return std::nullopt;
    append_utf8(text, static_cast<uint32_t>(*c));
  }
  return text;
}

}  // namespace trivet::wire
