#include "wire/text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <vector>

namespace trivet::wire {
namespace {

struct Unit {
  std::string_view name;
  int64_t factor;
};

constexpr std::array<Unit, 6> kTimeUnits{{{"us", 1'000},
                                          {"ms", 1'000'000},
                                          {"s", 1'000'000'000},
                                          {"m", 60'000'000'000},
                                          {"h", 3'600'000'000'000},
                                          {"d", 86'400'000'000'000}}};
constexpr std::array<Unit, 11> kSizeUnits{{{"b", 1},
                                           {"k", 1 << 10},
                                           {"kb", 1 << 10},
                                           {"kib", 1 << 10},
                                           {"m", 1 << 20},
                                           {"mb", 1 << 20},
                                           {"mib", 1 << 20},
                                           {"g", 1 << 30},
                                           {"gb", 1 << 30},
                                           {"gib", 1 << 30},
                                           {"tib", int64_t{1} << 40}}};
constexpr double kLargest = 9e18;

// Takes "<digits>[.<digits>]<letters>" off the front.
bool take_number(std::string_view& text, double& value, std::string& unit) {
  size_t digits = 0;
  while (digits < text.size() &&
         (std::isdigit(static_cast<unsigned char>(text[digits])) || text[digits] == '.'))
    ++digits;
  if (digits == 0 || digits > 20) return false;
  auto [end, failed] = std::from_chars(text.data(), text.data() + digits, value);
  if (failed != std::errc{} || end != text.data() + digits) return false;
  text.remove_prefix(digits);
  unit.clear();
  while (!text.empty() && std::isalpha(static_cast<unsigned char>(text.front()))) {
    unit.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(text.front()))));
    text.remove_prefix(1);
  }
  return true;
}

template <size_t N>
int64_t factor_of(const std::array<Unit, N>& units, std::string_view name) {
  for (const auto& unit : units)
    if (unit.name == name) return unit.factor;
  return 0;
}

Error not_a(std::string_view what, std::string_view text, std::string_view examples) {
  return {ErrorCode::kInvalidInput,
          "\"" + std::string{text.substr(0, 40)} + "\" is not a " + std::string{what},
          "write it like " + std::string{examples}};
}

bool match_class(std::string_view glob, size_t& at, char c) {
  size_t end = glob.find(']', at + 1);
  if (end == std::string_view::npos) return false;
  std::string_view set = glob.substr(at + 1, end - at - 1);
  bool negate = !set.empty() && (set[0] == '!' || set[0] == '^');
  if (negate) set.remove_prefix(1);
  bool in = false;
  for (size_t i = 0; i < set.size(); ++i) {
    if (i + 2 < set.size() && set[i + 1] == '-') {
      in |= set[i] <= c && c <= set[i + 2];
      i += 2;
    } else {
      in |= set[i] == c;
    }
  }
  at = end + 1;
  return in != negate && c != '/';
}

// Without braces. `budget` bounds the work on hostile patterns.
bool match(std::string_view glob, std::string_view path, int& budget) {
  if (--budget < 0) return false;
  size_t g = 0, p = 0;
  while (g < glob.size()) {
    if (glob.substr(g, 2) == "**") {
      size_t rest = g + 2;
      bool whole_segment = rest < glob.size() && glob[rest] == '/';
      if (whole_segment && match(glob.substr(rest + 1), path.substr(p), budget)) return true;
      for (size_t i = p; i <= path.size(); ++i)
        if (match(glob.substr(rest), path.substr(i), budget)) return true;
      return false;
    }
    if (glob[g] == '*') {
      for (size_t i = p;; ++i) {
        if (match(glob.substr(g + 1), path.substr(i), budget)) return true;
        if (i >= path.size() || path[i] == '/') return false;
      }
    }
    if (p >= path.size()) return false;
    if (glob[g] == '[' && glob.find(']', g + 1) != std::string_view::npos) {
      if (!match_class(glob, g, path[p])) return false;
    } else {
      if (glob[g] == '?' ? path[p] == '/' : glob[g] != path[p]) return false;
      ++g;
    }
    ++p;
  }
  return p == path.size();
}

// "a{b,c}d" -> "abd", "acd"; nested braces are taken literally.
std::vector<std::string> expand_braces(std::string_view glob) {
  constexpr size_t kMostAlternatives = 64;
  std::vector<std::string> done{""};
  while (!glob.empty()) {
    size_t open = glob.find('{');
    size_t close = open == std::string_view::npos ? open : glob.find('}', open);
    std::string_view literal = glob.substr(0, close == std::string_view::npos ? glob.size() : open);
    for (auto& prefix : done) prefix.append(literal);
    if (close == std::string_view::npos) break;
    std::vector<std::string> next;
    std::string_view options = glob.substr(open + 1, close - open - 1);
    for (size_t start = 0; start <= options.size() && next.size() < kMostAlternatives;) {
      size_t comma = std::min(options.find(',', start), options.size());
      for (const auto& prefix : done)
        next.push_back(prefix + std::string{options.substr(start, comma - start)});
      start = comma + 1;
    }
    done = std::move(next);
    glob.remove_prefix(close + 1);
  }
  return done;
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  constexpr std::string_view kExamples = "30s, 5m, 100ms, 1h30m or a number of seconds";
  std::string_view rest = text;
  double total = 0;
  bool bare = false;
  if (rest.empty()) return not_a("duration", text, kExamples);
  while (!rest.empty()) {
    double value = 0;
    std::string unit;
    if (bare || !take_number(rest, value, unit)) return not_a("duration", text, kExamples);
    bare = unit.empty();
    int64_t factor = bare ? 1'000'000'000 : factor_of(kTimeUnits, unit);
    if (factor == 0) return not_a("duration", text, kExamples);
    total += value * static_cast<double>(factor);
  }
  if (total > kLargest) return not_a("duration that fits", text, kExamples);
  return Duration{static_cast<int64_t>(total)};
}

Result<size_t> parse_size(std::string_view text, size_t bare_unit) {
  constexpr std::string_view kExamples = "256MiB, 64KiB, 1gb or a number";
  std::string_view rest = text;
  double value = 0;
  std::string unit;
  if (!take_number(rest, value, unit) || !rest.empty()) return not_a("size", text, kExamples);
  auto factor = unit.empty() ? static_cast<int64_t>(bare_unit) : factor_of(kSizeUnits, unit);
  if (factor == 0) return not_a("size", text, kExamples);
  double bytes = value * static_cast<double>(factor);
  if (bytes > kLargest) return not_a("size that fits", text, kExamples);
  return static_cast<size_t>(bytes);
}

std::string format_duration(Duration d) {
  int64_t ns = d.count();
  if (ns == 0) return "0s";
  for (auto it = kTimeUnits.rbegin(); it != kTimeUnits.rend(); ++it)
    if (ns % it->factor == 0) return std::to_string(ns / it->factor) + std::string{it->name};
  return std::to_string(ns / 1000) + "us";
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
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
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

bool glob_match(std::string_view glob, std::string_view path) {
  constexpr int kBudget = 20'000;
  for (const auto& alternative : expand_braces(glob)) {
    int budget = kBudget;
    if (match(alternative, path, budget)) return true;
  }
  return false;
}

bool is_no_source(std::string_view name) {
  return name.empty() || name[0] == '.' ||
         name == "node_modules" ||  // NOLINT: npm's folder, whatever runs it
         name == "__pycache__" || name.back() == '~' || name.ends_with(".swp");
}

bool is_utf8(std::string_view bytes) {
  size_t i = 0;
  while (i < bytes.size()) {
    auto c = static_cast<unsigned char>(bytes[i]);
    size_t n = c < 0x80 ? 1 : c < 0xC2 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF5 ? 4 : 0;
    if (n == 0 || i + n > bytes.size()) return false;
    for (size_t k = 1; k < n; ++k)
      if ((static_cast<unsigned char>(bytes[i + k]) & 0xC0) != 0x80) return false;
    if (n > 2) {
      auto d = static_cast<unsigned char>(bytes[i + 1]);
      if ((c == 0xE0 && d < 0xA0) || (c == 0xED && d > 0x9F) || (c == 0xF0 && d < 0x90) ||
          (c == 0xF4 && d > 0x8F))
        return false;
    }
    i += n;
  }
  return true;
}

}  // namespace trivet::wire
