#include "wire/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

namespace trivet::wire {
namespace {

struct Unit {
  std::string_view name;
  uint64_t factor;
};

constexpr std::array<Unit, 6> kTimeUnits{{{"us", 1'000},
                                          {"ms", 1'000'000},
                                          {"s", 1'000'000'000},
                                          {"m", 60'000'000'000},
                                          {"h", 3'600'000'000'000},
                                          {"d", 86'400'000'000'000}}};
constexpr uint64_t kSecond = 1'000'000'000;
constexpr std::array<Unit, 13> kSizeUnits{{{"b", 1},
                                           {"k", 1 << 10},
                                           {"kb", 1 << 10},
                                           {"kib", 1 << 10},
                                           {"m", 1 << 20},
                                           {"mb", 1 << 20},
                                           {"mib", 1 << 20},
                                           {"g", 1 << 30},
                                           {"gb", 1 << 30},
                                           {"gib", 1 << 30},
                                           {"t", uint64_t{1} << 40},
                                           {"tb", uint64_t{1} << 40},
                                           {"tib", uint64_t{1} << 40}}};
constexpr uint64_t kLargest = std::numeric_limits<int64_t>::max();

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// A decimal in two parts, so that large whole numbers stay exact.
struct Number {
  uint64_t whole = 0;
  double fraction = 0;  // from 0 to 1
};

// Takes "<digits>[.<digits>]" off the front.
bool take_number(std::string_view& text, Number& number) {
  size_t digits = 0;
  while (digits < text.size() && is_digit(text[digits])) ++digits;
  auto [end, failed] = std::from_chars(text.data(), text.data() + digits, number.whole);
  if (digits == 0 || failed != std::errc{}) return false;
  text.remove_prefix(digits);
  number.fraction = 0;
  if (text.empty() || text[0] != '.') return true;
  double place = 0.1;
  size_t at = 1;
  for (; at < text.size() && is_digit(text[at]); ++at, place /= 10)
    number.fraction += place * (text[at] - '0');
  text.remove_prefix(at);
  return at > 1;
}

// Takes letters off the front, in lower case.
std::string take_unit(std::string_view& text) {
  std::string unit;
  while (!text.empty()) {
    char lower = static_cast<char>(text[0] | 0x20);
    if (lower < 'a' || lower > 'z') break;
    unit.push_back(lower);
    text.remove_prefix(1);
  }
  return unit;
}

template <size_t N>
uint64_t factor_of(const std::array<Unit, N>& units, std::string_view name) {
  for (const auto& unit : units)
    if (unit.name == name) return unit.factor;
  return 0;
}

// total += number * factor; false when it does not fit 63 bits.
bool add_product(uint64_t& total, const Number& number, uint64_t factor) {
  uint64_t product = 0;
  double part = std::round(number.fraction * static_cast<double>(factor));
  return !__builtin_mul_overflow(number.whole, factor, &product) && part < 0x1p62 &&
         !__builtin_add_overflow(total, product, &total) &&
         !__builtin_add_overflow(total, static_cast<uint64_t>(part), &total) && total <= kLargest;
}

Error not_a(std::string_view what, std::string_view text, std::string_view examples) {
  return {ErrorCode::kInvalidInput,
          "\"" + std::string{text.substr(0, 40)} + "\" is not a " + std::string{what},
          "write it like " + std::string{examples}};
}

// ns in this unit with at most three decimals; empty when that is not exact.
std::string exactly(uint64_t ns, const Unit& unit) {
  uint64_t rest = ns % unit.factor * 1000;
  if (rest % unit.factor != 0) return {};
  std::string text = std::to_string(ns / unit.factor);
  if (uint64_t thousandths = rest / unit.factor; thousandths > 0) {
    text += "." + std::to_string(1000 + thousandths).substr(1);
    text.erase(text.find_last_not_of('0') + 1);
  }
  return text.append(unit.name);
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  constexpr std::string_view kExamples = "30s, 5m, 100ms, 1h30m or a number of seconds";
  std::string_view rest = text;
  uint64_t total = 0;
  do {
    Number number;
    bool first = rest.size() == text.size();
    if (!take_number(rest, number)) return not_a("duration", text, kExamples);
    std::string unit = take_unit(rest);
    bool bare = unit.empty() && first && rest.empty();
    uint64_t factor = bare ? kSecond : factor_of(kTimeUnits, unit);
    if (factor == 0) return not_a("duration", text, kExamples);
    if (!add_product(total, number, factor)) return not_a("duration that fits", text, kExamples);
  } while (!rest.empty());
  return Duration{static_cast<int64_t>(total)};
}

Result<size_t> parse_size(std::string_view text, size_t bare_unit) {
  constexpr std::string_view kExamples = "256MiB, 64KiB, 1gb or a number";
  std::string_view rest = text;
  Number number;
  if (!take_number(rest, number)) return not_a("size", text, kExamples);
  std::string unit = take_unit(rest);
  uint64_t factor = unit.empty() ? bare_unit : factor_of(kSizeUnits, unit);
  if (factor == 0 || !rest.empty()) return not_a("size", text, kExamples);
  uint64_t bytes = 0;
  if (!add_product(bytes, number, factor)) return not_a("size that fits", text, kExamples);
  return size_t{bytes};
}

std::string format_duration(Duration d) {
  int64_t count = d.count();
  if (count == 0) return "0s";
  uint64_t ns = count < 0 ? uint64_t{0} - static_cast<uint64_t>(count) : uint64_t(count);
  std::string best;
  for (auto unit = kTimeUnits.rbegin(); unit != kTimeUnits.rend(); ++unit) {
    if (ns < unit->factor && unit->factor > kTimeUnits[0].factor) continue;
    std::string text = exactly(ns, *unit);
    bool shorter = text.size() < best.size();
    bool rounder = text.size() == best.size() && best.find('.') != std::string::npos &&
                   text.find('.') == std::string::npos;
    if (!text.empty() && (best.empty() || shorter || rounder)) best = std::move(text);
  }
  return count < 0 ? "-" + best : best;
}

std::string format_size(size_t bytes) {
  constexpr std::array<std::string_view, 5> kNames{"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  while (unit + 1 < kNames.size() && bytes >= 1024 && bytes % 1024 == 0) bytes /= 1024, ++unit;
  return std::to_string(bytes) + std::string{kNames[unit]};
}

bool is_function_name(std::string_view name) {
  constexpr size_t kLongest = 63;
  if (name.empty() || name.size() > kLongest || name[0] < 'a' || name[0] > 'z') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || is_digit(c) || c == '_' || c == '-';
  });
}

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

bool is_no_source(std::string_view name) {
  return name.empty() || name[0] == '.' ||
         name == "node_modules" ||  // NOLINT: npm's folder, whatever runs it
         name == "__pycache__" || name.back() == '~' || name.ends_with(".swp");
}

size_t utf8_sequence(std::string_view bytes) {
  if (bytes.empty()) return 0;
  auto byte = [&bytes](size_t i) { return static_cast<unsigned char>(bytes[i]); };
  unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || bytes.size() < size) return 0;
  for (size_t i = 1; i < size; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  unsigned char second = byte(1);
  bool overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
  bool surrogate = lead == 0xED && second > 0x9F;
  bool too_high = lead == 0xF4 && second > 0x8F;
  return overlong || surrogate || too_high ? 0 : size;
}

bool is_utf8(std::string_view bytes) {
  constexpr uint64_t kHighBits = 0x8080'8080'8080'8080;
  while (!bytes.empty()) {
    uint64_t word = kHighBits;
    if (bytes.size() >= sizeof word) std::memcpy(&word, bytes.data(), sizeof word);
    size_t step = (word & kHighBits) == 0 ? sizeof word : utf8_sequence(bytes);
    if (step == 0) return false;
    bytes.remove_prefix(step);
  }
  return true;
}

}  // namespace trivet::wire
