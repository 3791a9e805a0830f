// Writing terms, and integers of any size.
#include <algorithm>
#include <charconv>
#include <cstring>

#include "wire/etf.h"
#include "wire/etf_tags.h"

namespace trivet::wire {
namespace {

using namespace etf;

constexpr size_t kStringMost = 65'535;  // items of a list that is written as a string

void append_number(std::string& out, uint64_t n, size_t width) {
  for (size_t i = width; i-- > 0;) out.push_back(static_cast<char>(n >> (8 * i)));
}

void append_tag(std::string& out, Tag tag) { out.push_back(static_cast<char>(tag)); }

std::string base256(uint64_t n) {
  std::string out;
  for (; n > 0; n >>= 8) out.push_back(static_cast<char>(n & 0xFF));
  return out;
}

// Latin-1 of a text that has nothing else; false when it has.
bool to_latin1(std::string_view utf8, std::string& out) {
  for (size_t i = 0; i < utf8.size(); ++i) {
    auto c = static_cast<unsigned char>(utf8[i]);
    if (c >= 0x80) {
      if (c > 0xC3 || ++i >= utf8.size()) return false;
      c = static_cast<unsigned char>((c & 3) << 6 | (static_cast<unsigned char>(utf8[i]) & 0x3F));
    }
    out.push_back(static_cast<char>(c));
  }
  return true;
}

struct TermWriter {
  std::string& out;

  void big(bool negative, std::string_view magnitude) {
    bool small = magnitude.size() < 256;
    append_tag(out, small ? kSmallBig : kLargeBig);
    append_number(out, magnitude.size(), small ? 1 : 4);
    out.push_back(negative ? 1 : 0);
    out.append(magnitude);
  }
  void operator()(int64_t n) {
    if (n >= 0 && n < 256) {
      append_tag(out, kSmallInteger);
      out.push_back(static_cast<char>(n));
    } else if (n >= INT32_MIN && n <= INT32_MAX) {
      append_tag(out, kInteger);
      append_number(out, static_cast<uint32_t>(n), 4);
    } else {
      big(n < 0,
          base256(n < 0 ? uint64_t{0} - static_cast<uint64_t>(n) : static_cast<uint64_t>(n)));
    }
  }
  void operator()(double value) {
    uint64_t raw = 0;
    std::memcpy(&raw, &value, sizeof raw);
    append_tag(out, kNewFloat);
    append_number(out, raw, 8);
  }
  void operator()(const Atom& atom) {
    std::string latin1;
    if (to_latin1(atom.name, latin1)) {
      append_tag(out, kAtomLatin1);
      append_number(out, latin1.size(), 2);
      out.append(latin1);
      return;
    }
    bool small = atom.name.size() < 256;
    append_tag(out, small ? kSmallAtomUtf8 : kAtomUtf8);
    append_number(out, atom.name.size(), small ? 1 : 2);
    out.append(atom.name);
  }
  void operator()(const Binary& binary) {
    append_tag(out, kBinary);
    append_number(out, binary.bytes.size(), 4);
    out.append(binary.bytes);
  }
  void operator()(const Bits& bits) {
    append_tag(out, kBitBinary);
    append_number(out, bits.bytes.size(), 4);
    out.push_back(static_cast<char>(bits.last));
    out.append(bits.bytes);
  }
  void operator()(const BigInteger& number) { big(number.negative, number.magnitude); }
  void operator()(const List& list) {
    if (list.items.empty()) return append_tag(out, kNil);
    auto is_byte = [](const Term& item) {
      const auto* n = item.as<int64_t>();
      return n && *n >= 0 && *n < 256;
    };
    bool proper = list.tail.empty();
    if (proper && list.items.size() <= kStringMost &&
        std::all_of(list.items.begin(), list.items.end(), is_byte)) {
      append_tag(out, kString);
      append_number(out, list.items.size(), 2);
      for (const auto& item : list.items) out.push_back(static_cast<char>(*item.as<int64_t>()));
      return;
    }
    append_tag(out, kList);
    append_number(out, list.items.size(), 4);
    for (const auto& item : list.items) std::visit(*this, item.value);
    if (proper)
      append_tag(out, kNil);
    else
      std::visit(*this, list.tail.front().value);
  }
  void operator()(const Tuple& tuple) {
    bool small = tuple.items.size() < 256;
    append_tag(out, small ? kSmallTuple : kLargeTuple);
    append_number(out, tuple.items.size(), small ? 1 : 4);
    for (const auto& item : tuple.items) std::visit(*this, item.value);
  }
  void operator()(const Map& map) {
    append_tag(out, kMap);
    append_number(out, map.members.size(), 4);
    for (const auto& [key, value] : map.members) {
      std::visit(*this, key.value);
      std::visit(*this, value.value);
    }
  }
  void operator()(const Opaque& opaque) { out.append(opaque.bytes); }
};

// The magnitude of decimal digits, nine at a time.
std::string magnitude_of(std::string_view digits) {
  std::vector<uint32_t> words;  // base 2^32, lowest first
  while (!digits.empty()) {
    size_t n = digits.size() % 9 == 0 ? 9 : digits.size() % 9;
    uint32_t chunk = 0;
    std::from_chars(digits.data(), digits.data() + n, chunk);
    uint64_t scale = 1;
    for (size_t i = 0; i < n; ++i) scale *= 10;
    uint64_t carry = chunk;
    for (auto& word : words) {
      carry += word * scale;
      word = static_cast<uint32_t>(carry);
      carry >>= 32;
    }
    if (carry > 0) words.push_back(static_cast<uint32_t>(carry));
    digits.remove_prefix(n);
  }
  std::string out;
  for (uint32_t word : words)
    for (int i = 0; i < 4; ++i) out.push_back(static_cast<char>(word >> (8 * i)));
  while (!out.empty() && out.back() == '\0') out.pop_back();
  return out;
}

}  // namespace

void append_term(std::string& out, const Term& term) {
  out.push_back(static_cast<char>(kVersion));
  std::visit(TermWriter{out}, term.value);
}

Term integer_term(std::string_view digits) {
  int64_t n = 0;
  auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
  if (ec == std::errc{} && end == digits.data() + digits.size()) return n;
  bool negative = digits.starts_with('-');
  return BigInteger{negative, magnitude_of(digits.substr(negative ? 1 : 0))};
}

std::string decimal(const BigInteger& number) {
  constexpr uint32_t kChunk = 1'000'000'000;
  std::vector<uint32_t> words((number.magnitude.size() + 3) / 4);
  for (size_t i = 0; i < number.magnitude.size(); ++i)
    words[i / 4] |= uint32_t{static_cast<unsigned char>(number.magnitude[i])} << (8 * (i % 4));
  std::string reversed;
  while (!words.empty()) {
    uint64_t rest = 0;
    for (size_t i = words.size(); i-- > 0;) {
      rest = rest << 32 | words[i];
      words[i] = static_cast<uint32_t>(rest / kChunk);
      rest %= kChunk;
    }
    while (!words.empty() && words.back() == 0) words.pop_back();
    for (int i = 0; i < 9; ++i, rest /= 10) reversed.push_back(static_cast<char>('0' + rest % 10));
  }
  while (reversed.size() > 1 && reversed.back() == '0') reversed.pop_back();
  if (reversed.empty()) reversed = "0";
  if (number.negative) reversed.push_back('-');
  return {reversed.rbegin(), reversed.rend()};
}

}  // namespace trivet::wire
