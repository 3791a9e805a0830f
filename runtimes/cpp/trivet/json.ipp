// The JSON value's parser and writer.

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "json.hpp"

namespace trivet {

constexpr std::size_t kIndexedFrom = 16;
constexpr int kDeepest = 512;

Object::Object(const Object& other) : entries_(other.entries_) {
  if (other.index_) index_ = std::make_unique<std::unordered_map<std::string, std::size_t>>(*other.index_);
}
Object& Object::operator=(Object other) noexcept {
  entries_ = std::move(other.entries_);
  index_ = std::move(other.index_);
  return *this;
}
std::ptrdiff_t Object::place(std::string_view name) const {
  if (index_) {
    auto found = index_->find(std::string(name));
    return found == index_->end() ? -1 : static_cast<std::ptrdiff_t>(found->second);
  }
  for (std::size_t at = 0; at < entries_.size(); at++)
    if (entries_[at].first == name) return static_cast<std::ptrdiff_t>(at);
  return -1;
}
const Json* Object::find(std::string_view name) const {
  auto at = place(name);
  return at < 0 ? nullptr : &entries_[at].second;
}
Json* Object::find(std::string_view name) {
  auto at = place(name);
  return at < 0 ? nullptr : &entries_[at].second;
}
Json& Object::operator[](std::string_view name) {
  if (Json* known = find(name)) return *known;
  entries_.emplace_back(std::string(name), Json());
  if (index_) {
    index_->emplace(name, entries_.size() - 1);
  } else if (entries_.size() > kIndexedFrom) {
    index_ = std::make_unique<std::unordered_map<std::string, std::size_t>>();
    for (std::size_t at = 0; at < entries_.size(); at++) index_->emplace(entries_[at].first, at);
  }
  return entries_.back().second;
}
std::size_t Object::size() const { return entries_.size(); }
std::vector<Object::Entry>::const_iterator Object::begin() const { return entries_.begin(); }
std::vector<Object::Entry>::const_iterator Object::end() const { return entries_.end(); }

static const Json kNull;

Json Json::object(std::initializer_list<std::pair<std::string_view, Json>> entries) {
  Object object;
  for (const auto& [name, value] : entries) object[name] = value;
  return object;
}

const char* Json::kind() const {
  constexpr const char* kNames[] = {"null", "a boolean", "a number", "a number", "a number", "a text", "a list", "an object"};
  return kNames[value_.index()];
}
[[noreturn]] static void unfit(const char* wanted, const Json& found) { throw JsonError(std::string("is ") + found.kind() + ", not " + wanted); }

bool Json::as_bool() const {
  if (auto* value = std::get_if<bool>(&value_)) return *value;
  unfit("a boolean", *this);
}
std::int64_t Json::as_int() const {
  if (auto* value = std::get_if<std::int64_t>(&value_)) return *value;
  auto* number = std::get_if<double>(&value_);
  if (number && std::floor(*number) == *number && std::fabs(*number) < 9e18) return static_cast<std::int64_t>(*number);
  unfit("a whole number", *this);
}
std::uint64_t Json::as_uint() const {
  if (auto* value = std::get_if<std::uint64_t>(&value_)) return *value;
  std::int64_t value = as_int();
  if (value < 0) throw JsonError("is below zero");
  return static_cast<std::uint64_t>(value);
}
double Json::as_double() const {
  if (auto* value = std::get_if<double>(&value_)) return *value;
  if (auto* value = std::get_if<std::int64_t>(&value_)) return static_cast<double>(*value);
  if (auto* value = std::get_if<std::uint64_t>(&value_)) return static_cast<double>(*value);
  unfit("a number", *this);
}
const std::string& Json::as_string() const {
  if (auto* value = std::get_if<std::string>(&value_)) return *value;
  unfit("a text", *this);
}
const Array& Json::as_array() const {
  if (auto* value = std::get_if<Array>(&value_)) return *value;
  unfit("a list", *this);
}
const Object& Json::as_object() const {
  if (auto* value = std::get_if<Object>(&value_)) return *value;
  unfit("an object", *this);
}
Array& Json::as_array() {
  if (is_null()) value_ = Array();
  if (auto* value = std::get_if<Array>(&value_)) return *value;
  unfit("a list", *this);
}
Object& Json::as_object() {
  if (is_null()) value_ = Object();
  if (auto* value = std::get_if<Object>(&value_)) return *value;
  unfit("an object", *this);
}
const Json& Json::operator[](std::string_view name) const {
  auto* object = std::get_if<Object>(&value_);
  const Json* found = object ? object->find(name) : nullptr;
  return found ? *found : kNull;
}
const Json& Json::operator[](std::size_t at) const {
  auto* values = std::get_if<Array>(&value_);
  return values && at < values->size() ? (*values)[at] : kNull;
}

bool operator==(const Json& a, const Json& b) {
  if (a.is_object() && b.is_object()) {
    const Object &left = a.as_object(), &right = b.as_object();
    auto same = [&right](const Object::Entry& entry) {
      const Json* other = right.find(entry.first);
      return other && *other == entry.second;
    };
    return left.size() == right.size() && std::all_of(left.begin(), left.end(), same);
  }
  if (a.is_array() && b.is_array()) return a.as_array() == b.as_array();
  if (a.is_string() && b.is_string()) return a.as_string() == b.as_string();
  if (a.is_bool() && b.is_bool()) return a.as_bool() == b.as_bool();
  if (a.is_number() && b.is_number()) return a.value_.index() == b.value_.index() ? a.dump() == b.dump() : a.as_double() == b.as_double();
  return a.is_null() && b.is_null();
}

// Appends a text in quotes. What is not UTF-8 becomes U+FFFD, so that whoever reads it gets JSON.
void append_quoted(std::string_view text, std::string& out) {
  out += '"';
  for (std::size_t at = 0; at < text.size();) {
    auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x80) {
      at++;
      if (byte >= 0x20 && byte != '"' && byte != '\\') {
        out += static_cast<char>(byte);
        continue;
      }
      char escaped[8];
      const char* known = byte == '"' ? "\\\"" : byte == '\\' ? "\\\\" : byte == '\n' ? "\\n" : byte == '\t' ? "\\t" : byte == '\r' ? "\\r" : nullptr;
      if (!known) std::snprintf(escaped, sizeof escaped, "\\u%04x", byte);
      out += known ? known : escaped;
      continue;
    }
    std::size_t size = byte >= 0xf0 && byte < 0xf5 ? 4 : byte >= 0xe0 && byte < 0xf0 ? 3 : byte >= 0xc2 && byte < 0xe0 ? 2 : 1;
    bool fits = size > 1 && at + size <= text.size();
    for (std::size_t more = 1; fits && more < size; more++) fits = (static_cast<unsigned char>(text[at + more]) & 0xc0) == 0x80;
    auto second = fits ? static_cast<unsigned char>(text[at + 1]) : 0;
    if (byte == 0xe0 && second < 0xa0) fits = false;  // longer than it has to be
    if (byte == 0xed && second > 0x9f) fits = false;  // half a surrogate pair
    if (byte == 0xf0 && second < 0x90) fits = false;
    if (byte == 0xf4 && second > 0x8f) fits = false;
    if (fits) {
      out.append(text.substr(at, size));
    } else {
      out += "\xef\xbf\xbd";
      size = 1;
    }
    at += size;
  }
  out += '"';
}

void Json::dump_to(std::string& out) const {
  char digits[40];
  if (is_null()) {
    out += "null";
  } else if (auto* yes = std::get_if<bool>(&value_)) {
    out += *yes ? "true" : "false";
  } else if (auto* text = std::get_if<std::string>(&value_)) {
    append_quoted(*text, out);
  } else if (auto* number = std::get_if<double>(&value_)) {
    if (!std::isfinite(*number)) throw JsonError("JSON has neither NaN nor infinities");
    out.append(digits, std::to_chars(digits, digits + sizeof digits, *number).ptr);
  } else if (auto* whole = std::get_if<std::int64_t>(&value_)) {
    out.append(digits, std::to_chars(digits, digits + sizeof digits, *whole).ptr);
  } else if (auto* large = std::get_if<std::uint64_t>(&value_)) {
    out.append(digits, std::to_chars(digits, digits + sizeof digits, *large).ptr);
  } else if (auto* values = std::get_if<Array>(&value_)) {
    out += '[';
    for (const Json& each : *values) {
      if (&each != values->data()) out += ',';
      each.dump_to(out);
    }
    out += ']';
  } else {
    out += '{';
    bool first = true;
    for (const auto& [name, value] : std::get<Object>(value_)) {
      if (!first) out += ',';
      first = false;
      append_quoted(name, out);
      out += ':';
      value.dump_to(out);
    }
    out += '}';
  }
}

std::string Json::dump() const {
  std::string out;
  dump_to(out);
  return out;
}

namespace {

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Json whole() {
    blanks();
    Json value = any();
    blanks();
    if (at_ < text_.size()) wrong("something follows the value");
    return value;
  }

 private:
  [[noreturn]] void wrong(const char* what) const { throw JsonError(std::string(what) + " at byte " + std::to_string(at_)); }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void blanks() {
    while (peek() == ' ' || peek() == '\n' || peek() == '\r' || peek() == '\t') at_++;
  }
  Json word(std::string_view word, Json value) {
    if (text_.substr(at_, word.size()) != word) wrong("no JSON value");
    at_ += word.size();
    return value;
  }
  Json any() {
    switch (peek()) {
      case '{': return object();
      case '[': return array();
      case '"': return string();
      case 't': return word("true", true);
      case 'f': return word("false", false);
      case 'n': return word("null", nullptr);
      default: return number();
    }
  }
  void enter() {
    if (++depth_ > kDeepest) wrong("too deeply nested");
    at_++;
    blanks();
  }
  // After an element: whether another one follows.
  bool goes_on(char end) {
    blanks();
    char next = peek();
    if (next != ',' && next != end) wrong("a comma or the end is missing");
    at_++;
    blanks();
    return next == ',';
  }
  Json array() {
    enter();
    Array values;
    if (peek() == ']') {
      at_++;
    } else {
      do values.push_back(any());
      while (goes_on(']'));
    }
    depth_--;
    return values;
  }
  Json object() {
    enter();
    Object object;
    if (peek() == '}') {
      at_++;
    } else {
      do {
        if (peek() != '"') wrong("a name is missing");
        std::string name = string();
        blanks();
        if (peek() != ':') wrong("a colon is missing");
        at_++;
        blanks();
        object[name] = any();
      } while (goes_on('}'));
    }
    depth_--;
    return object;
  }
  std::size_t digits() {
    std::size_t first = at_;
    while (peek() >= '0' && peek() <= '9') at_++;
    return at_ - first;
  }
  Json number() {
    std::size_t begin = at_;
    if (peek() == '-') at_++;
    bool leading_zero = peek() == '0';
    std::size_t whole = digits();
    if (!whole || (leading_zero && whole > 1)) wrong("no JSON value");
    bool real = false;
    if (peek() == '.') {
      real = true;
      at_++;
      if (!digits()) wrong("no number");
    }
    if (peek() == 'e' || peek() == 'E') {
      real = true;
      at_++;
      if (peek() == '+' || peek() == '-') at_++;
      if (!digits()) wrong("no number");
    }
    const char *first = text_.data() + begin, *last = text_.data() + at_;
    std::int64_t n = 0;
    std::uint64_t large = 0;
    if (!real && std::from_chars(first, last, n).ec == std::errc()) return n;
    if (!real && std::from_chars(first, last, large).ec == std::errc()) return large;
    return std::strtod(std::string(first, last).c_str(), nullptr);
  }
  std::string string() {
    at_++;
    std::string out;
    for (;;) {
      std::size_t begin = at_;
      while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\\' && static_cast<unsigned char>(text_[at_]) >= 0x20) at_++;
      out.append(text_.substr(begin, at_ - begin));
      if (peek() == '"') break;
      if (peek() != '\\') wrong("a string does not end");
      escape(out);
    }
    at_++;
    return out;
  }
  void escape(std::string& out) {
    at_ += 2;
    switch (at_ <= text_.size() ? text_[at_ - 1] : '\0') {
      case 'n': out += '\n'; return;
      case 't': out += '\t'; return;
      case 'r': out += '\r'; return;
      case 'b': out += '\b'; return;
      case 'f': out += '\f'; return;
      case '"': out += '"'; return;
      case '\\': out += '\\'; return;
      case '/': out += '/'; return;
      case 'u': break;
      default: wrong("an unknown escape");
    }
    unsigned code = four_digits();
    if (code >= 0xd800 && code < 0xdc00 && text_.substr(at_, 2) == "\\u") {
      std::size_t after = at_;
      at_ += 2;
      unsigned low = four_digits();
      if (low >= 0xdc00 && low < 0xe000)
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
      else
        at_ = after;
    }
    if (code >= 0xd800 && code < 0xe000) code = 0xfffd;  // half a pair is no character
    auto tail = [&out, code](int shift) { out += static_cast<char>(0x80 | ((code >> shift) & 0x3f)); };
    if (code < 0x80) {
      out += static_cast<char>(code);
    } else if (code < 0x800) {
      out += static_cast<char>(0xc0 | (code >> 6)), tail(0);
    } else if (code < 0x10000) {
      out += static_cast<char>(0xe0 | (code >> 12)), tail(6), tail(0);
    } else {
      out += static_cast<char>(0xf0 | (code >> 18)), tail(12), tail(6), tail(0);
    }
  }
  unsigned four_digits() {
    unsigned code = 0;
    const char* first = text_.data() + at_;
    if (at_ + 4 > text_.size() || std::from_chars(first, first + 4, code, 16).ptr != first + 4) wrong("an escape without its four digits");
    at_ += 4;
    return code;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

Json Json::parse(std::string_view text) { return Parser(text).whole(); }

}  // namespace trivet
