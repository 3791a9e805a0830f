#include "wire/json.h"

#include <boost/json.hpp>
#include <cmath>
#include <cstdio>

#include "wire/text.h"

namespace trivet::wire {
namespace {

constexpr size_t kMaxDepth = 64;
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// Length of the valid UTF-8 sequence at the start of `s`, 0 when there is none.
size_t sequence_length(std::string_view s) {
  auto byte = [&s](size_t i) { return static_cast<unsigned char>(s[i]); };
  unsigned char c = byte(0);
  if (c < 0x80) return 1;
  size_t n = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
  if (c < 0xC2 || c > 0xF4 || s.size() < n) return 0;
  for (size_t i = 1; i < n; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  unsigned char d = byte(1);
  bool bad = (c == 0xE0 && d < 0xA0) || (c == 0xED && d > 0x9F) || (c == 0xF0 && d < 0x90) ||
             (c == 0xF4 && d > 0x8F);
  return bad ? 0 : n;
}

bool plain(unsigned char c) { return c >= 0x20 && c < 0x80 && c != '"' && c != '\\'; }

void pretty(std::string& out, const json::value& value, size_t indent) {
  auto newline = [&out](size_t spaces) { out.append("\n").append(spaces, ' '); };
  if (value.is_object() && !value.as_object().empty()) {
    bool first = true;
    out.push_back('{');
    for (const auto& member : value.as_object()) {
      if (!std::exchange(first, false)) out.push_back(',');
      newline(indent + 2);
      append_json_string(out, member.key());
      out.append(": ");
      pretty(out, member.value(), indent + 2);
    }
    newline(indent);
    out.push_back('}');
  } else if (value.is_array() && !value.as_array().empty()) {
    bool first = true;
    out.push_back('[');
    for (const auto& item : value.as_array()) {
      if (!std::exchange(first, false)) out.push_back(',');
      newline(indent + 2);
      pretty(out, item, indent + 2);
    }
    newline(indent);
    out.push_back(']');
  } else {
    out.append(to_text(value));
  }
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
  return parser.release();
}

std::string to_text(const json::value& value) { return json::serialize(value); }

std::string to_pretty_text(const json::value& value) {
  std::string out;
  pretty(out, value, 0);
  out.push_back('\n');
  return out;
}

void append_json_string(std::string& out, std::string_view text) {
  out.push_back('"');
  size_t i = 0;
  while (i < text.size()) {
    size_t start = i;
    while (i < text.size() && plain(static_cast<unsigned char>(text[i]))) ++i;
    out.append(text, start, i - start);
    if (i == text.size()) break;
    auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x80) {
      size_t n = sequence_length(text.substr(i));
      out.append(n == 0 ? kReplacement : text.substr(i, n));
      i += n == 0 ? 1 : n;
      continue;
    }
    ++i;
    switch (c) {
      case '"':
        out.append("\\\"");
        break;
      case '\\':
        out.append("\\\\");
        break;
      case '\n':
        out.append("\\n");
        break;
      case '\r':
        out.append("\\r");
        break;
      case '\t':
        out.append("\\t");
        break;
      default: {
        char escaped[8];
        std::snprintf(escaped, sizeof escaped, "\\u%04x", c);
        out.append(escaped);
      }
    }
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
  out_.append(std::to_string(value));
  return *this;
}

ObjectWriter& ObjectWriter::number(std::string_view k, double value) {
  key(k);
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", std::isfinite(value) ? value : 0.0);
  out_.append(text);
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
