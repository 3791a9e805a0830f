#include <algorithm>
#include <array>
#include <charconv>
#include <sstream>

#include "catalog/discovery.h"

namespace trivet::catalog {
namespace {

struct Numbers {
  std::array<int, 3> part{};
  int given = 0;
};

Numbers numbers(std::string_view text) {
  Numbers out;
  while (out.given < 3 && !text.empty()) {
    int value = 0;
    auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failed != std::errc{}) break;
    out.part[static_cast<size_t>(out.given++)] = value;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    if (!text.starts_with('.')) break;
    text.remove_prefix(1);
  }
  return out;
}

bool same_up_to(const Numbers& a, const Numbers& b, int count) {
  return std::equal(a.part.begin(), a.part.begin() + count, b.part.begin());
}

bool satisfies_one(const Numbers& have, std::string_view wanted) {
  size_t op_length = wanted.find_first_of("0123456789");
  if (op_length == std::string_view::npos) return wanted == "*" || wanted == "latest";
  std::string_view op = wanted.substr(0, op_length);
  Numbers want = numbers(wanted.substr(op_length));
  if (want.given == 0) return false;
  if (op == ">=") return have.part >= want.part;
  if (op == ">") return have.part > want.part;
  if (op == "<=") return have.part <= want.part;
  if (op == "<") return have.part < want.part;
  if (op == "^") return have.part >= want.part && have.part[0] == want.part[0];
  if (op == "~") return have.part >= want.part && same_up_to(have, want, std::min(2, want.given));
  return (op.empty() || op == "=" || op == "v") && same_up_to(have, want, want.given);
}

}  // namespace

bool version_newer(std::string_view version, std::string_view than) {
  return numbers(version).part > numbers(than).part;
}

bool version_satisfies(std::string_view version, std::string_view wanted) {
  Numbers have = numbers(version);
  std::istringstream parts{std::string{wanted}};
  std::string sign;  // of ">= 1.0", which has a blank after it
  for (std::string part; parts >> part;) {
    if (sign.empty() && part.find_first_not_of("<>=^~") == std::string::npos) {
      sign = part;
      continue;
    }
    if (!satisfies_one(have, sign + part)) return false;
    sign.clear();
  }
  return sign.empty();
}

}  // namespace trivet::catalog
