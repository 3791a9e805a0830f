#include "wire/json.h"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <cmath>
#include <cstring>
#include <utility>

#include "wire/text.h"

namespace trivet::wire {
namespace {

constexpr size_t kMaxDepth = 64;
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// How many bytes at the front of `s` stand for themselves in a JSON string: ASCII but for controls,
// quote and backslash. Eight at a time: most text is nothing else.
size_t plain_prefix(std::string_view s) {
  constexpr uint64_t kOnes = 0x0101'0101'0101'0101, kHighBits = kOnes << 7;
  size_t i = 0;
  for (uint64_t word = 0; i + sizeof word <= s.size(); i += sizeof word) {
    std::memcpy(&word, s.data() + i, sizeof word);
    uint64_t quote = word ^ (kOnes * '"'), backslash = word ^ (kOnes * '\\');
    // Each term has a high bit set when some byte is below 0x20, a quote, a backslash.
    uint64_t special = ((word - kOnes * 0x20) & ~word) | ((quote - kOnes) & ~quote) |
                       ((backslash - kOnes) & ~backslash) | word;
    if ((special & kHighBits) != 0) break;
  }
  auto plain = [](unsigned char c) { return c >= 0x20 && c < 0x80 && c != '"' && c != '\\'; };
  while (i < s.size() && plain(static_cast<unsigned char>(s[i]))) ++i;
  return i;
}

void append_escape(std::string& out, char c) {
  constexpr std::string_view kShort = "\"\"\\\\\nn\rr\tt\bb\ff", kHex = "0123456789abcdef";
  out.push_back('\\');
  for (size_t i = 0; i < kShort.size(); i += 2)
    if (kShort[i] == c) return out.push_back(kShort[i + 1]);
  out.append("u00").append(1, kHex[(c >> 4) & 0xF]).append(1, kHex[c & 0xF]);
}

template <class Number>
void append_number(std::string& out, Number number) {
  char text[32];  // the longest double has 24
  out.append(text, std::to_chars(text, text + sizeof text, number).ptr);
}

enum class Layout { kCompact, kPretty };

void break_line(std::string& out, Layout layout, size_t indent) {
  if (layout == Layout::kPretty) out.append("\n").append(indent, ' ');
}

template <class Items, class AppendItem>
void append_items(std::string& out, const Items& items, Layout layout, size_t indent,
                  AppendItem append_item) {
  bool first = true;
  for (const auto& item : items) {
    if (!std::exchange(first, false)) out.push_back(',');
    break_line(out, layout, indent + 2);
    append_item(item);
  }
  if (!items.empty()) break_line(out, layout, indent);
}

// Our own writer: json::serialize writes 0.1 as 1E-1, and infinity as a word that is not JSON.
void append_value(std::string& out, const json::value& value, Layout layout, size_t indent) {
  switch (value.kind()) {
    case json::kind::null:
      out.append("null");
      break;
    case json::kind::bool_:
      out.append(value.get_bool() ? "true" : "false");
      break;
    case json::kind::int64:
      append_number(out, value.get_int64());
      break;
    case json::kind::uint64:
      append_number(out, value.get_uint64());
      break;
    case json::kind::double_:
      if (!std::isfinite(value.get_double())) return void(out.append("null"));
      append_number(out, value.get_double());
      break;
    case json::kind::string:
      append_json_string(out, value.get_string());
      break;
    case json::kind::array:
      out.push_back('[');
      append_items(out, value.get_array(), layout, indent,
                   [&](const json::value& item) { append_value(out, item, layout, indent + 2); });
      out.push_back(']');
      break;
    case json::kind::object:
      out.push_back('{');
      append_items(out, value.get_object(), layout, indent,
                   [&](const json::key_value_pair& member) {
                     append_json_string(out, member.key());
                     out.append(layout == Layout::kPretty ? ": " : ":");
                     append_value(out, member.value(), layout, indent + 2);
                   });
      out.push_back('}');
      break;
  }
}

// A number such as 1e400, which is read as infinity.
bool holds_infinity(const json::value& value) {
  if (const double* number = value.if_double()) return std::isinf(*number);
  if (const auto* array = value.if_array())
    return std::any_of(array->begin(), array->end(), holds_infinity);
  if (const auto* object = value.if_object())
    return std::any_of(object->begin(), object->end(),
                       [](const auto& member) { return holds_infinity(member.value()); });
  return false;
}

}  // namespace

Result<json::value> parse_json(std::string_view text) {
  json::parse_options options;
  options.max_depth = kMaxDepth;
  json::stream_parser parser({}, options);
  json::error_code ec;
  size_t used = parser.write_some(text.data(), text.size(), ec);
  if (!ec && used < text.size()) {
    size_t rest = text.find_first_not_of(" \t\r\n", used);
    if (rest != std::string_view::npos)
      return Error{ErrorCode::kInvalidInput,
                   "extra bytes after the JSON document at offset " + std::to_string(rest)};
  }
  if (!ec) parser.finish(ec);
  if (ec)
    return Error{ErrorCode::kInvalidInput, ec.message() + " at offset " + std::to_string(used)};
  json::value value = parser.release();
  if (holds_infinity(value))
    return Error{ErrorCode::kInvalidInput, "a number is too large for a double"};
  return value;
}

std::string to_text(const json::value& value) {
  std::string out;
  append_value(out, value, Layout::kCompact, 0);
  return out;
}

std::string to_pretty_text(const json::value& value) {
  std::string out;
  append_value(out, value, Layout::kPretty, 0);
  out.push_back('\n');
  return out;
}

void append_json_string(std::string& out, std::string_view text) {
  out.push_back('"');
  for (;;) {
    size_t plain = plain_prefix(text);
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) break;
    size_t size = utf8_sequence(text);
    if (size == 1) {
      append_escape(out, text[0]);
    } else {
      out.append(size == 0 ? kReplacement : text.substr(0, size));
    }
    text.remove_prefix(std::max<size_t>(size, 1));
  }
  out.push_back('"');
}

std::string_view get_string(const json::object& object, std::string_view key,
                            std::string_view otherwise) {
  const auto* value = object.if_contains(key);
  return value && value->is_string() ? std::string_view{value->as_string()} : otherwise;
}

int64_t get_int(const json::object& object, std::string_view key, int64_t otherwise) {
  const auto* value = object.if_contains(key);
  if (!value) return otherwise;
  if (value->is_int64()) return value->as_int64();
  if (value->is_double() && std::abs(value->as_double()) < 9e15)
    return static_cast<int64_t>(value->as_double());
  return otherwise;
}

const json::object* get_object(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value ? value->if_object() : nullptr;
}

const json::array* get_array(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value ? value->if_array() : nullptr;
}

void ObjectWriter::key(std::string_view key) {
  if (!first_) out_.push_back(',');
  first_ = false;
  append_json_string(out_, key);
  out_.push_back(':');
}

ObjectWriter& ObjectWriter::text(std::string_view k, std::string_view value) {
  key(k);
  append_json_string(out_, value);
  return *this;
}

ObjectWriter& ObjectWriter::number(std::string_view k, int64_t value) {
  key(k);
  append_number(out_, value);
  return *this;
}

ObjectWriter& ObjectWriter::number(std::string_view k, double value) {
  key(k);
  constexpr int kDigits = 6;
  char text[32];
  auto written = std::to_chars(text, text + sizeof text, std::isfinite(value) ? value : 0.0,
                               std::chars_format::general, kDigits);
  out_.append(text, written.ptr);
  return *this;
}

ObjectWriter& ObjectWriter::boolean(std::string_view k, bool value) {
  key(k);
  out_.append(value ? "true" : "false");
  return *this;
}

ObjectWriter& ObjectWriter::raw(std::string_view k, std::string_view value) {
  key(k);
  out_.append(value);
  return *this;
}

}  // namespace trivet::wire
