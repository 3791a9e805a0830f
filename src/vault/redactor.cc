#include "vault/redactor.h"

#include <algorithm>

#include "wire/json.h"

namespace trivet::vault {
namespace {

// As it stands between the quotes of a JSON string.
std::string in_json(std::string_view value) {
  std::string out;
  wire::append_json_string(out, value);
  return out.substr(1, out.size() - 2);
}

std::vector<std::string> lines_of(std::string_view value) {
  std::vector<std::string> out;
  while (!value.empty()) {
    size_t end = std::min(value.find('\n'), value.size());
    std::string_view line = value.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    out.emplace_back(line);
    value.remove_prefix(std::min(end + 1, value.size()));
  }
  return out;
}

}  // namespace

Redactor::Redactor(const std::map<std::string, std::string>& secrets) {
  for (const auto& [name, value] : secrets) {
    std::string mark = "[secret " + name + "]";
    auto add = [&](std::string bytes) {
      if (bytes.size() >= kLeast) patterns_.push_back({std::move(bytes), mark});
    };
    add(value);
    add(in_json(value));
    for (auto& line : lines_of(value)) {
      add(in_json(line));
      add(std::move(line));
    }
  }
  auto longer = [](const Pattern& a, const Pattern& b) {
    return a.bytes.size() != b.bytes.size() ? a.bytes.size() > b.bytes.size() : a.bytes < b.bytes;
  };
  auto same = [](const Pattern& a, const Pattern& b) { return a.bytes == b.bytes; };
  std::stable_sort(patterns_.begin(), patterns_.end(), longer);
  patterns_.erase(std::unique(patterns_.begin(), patterns_.end(), same), patterns_.end());
}

bool Redactor::clean(std::string& text) const {
  if (text.size() < kLeast) return false;
  bool found = false;
  for (const auto& [bytes, mark] : patterns_)
    for (size_t at = text.find(bytes); at != std::string::npos;
         at = text.find(bytes, at + mark.size())) {
      text.replace(at, bytes.size(), mark);
      found = true;
    }
  bool at_edge = clean_edges(text);
  return found || at_edge;
}

// A value of which the text has only the end, in front, or the begin, at its end.
bool Redactor::clean_edges(std::string& text) const {
  bool found = false;
  for (const auto& [bytes, mark] : patterns_) {
    size_t most = std::min(bytes.size() - 1, text.size());
    for (size_t length = most; length >= kLeast; --length) {
      if (!text.starts_with(std::string_view{bytes}.substr(bytes.size() - length))) continue;
      text.replace(0, length, mark);
      found = true;
      break;
    }
    most = std::min(bytes.size() - 1, text.size());
    for (size_t length = most; length >= kLeast; --length) {
      if (!text.ends_with(std::string_view{bytes}.substr(0, length))) continue;
      text.replace(text.size() - length, length, mark);
      found = true;
      break;
    }
  }
  return found;
}

void Redactor::clean(Error& error) const {
  clean(error.message);
  clean(error.hint);
  for (auto& [key, value] : error.details) {
    clean(key);
    clean(value);
  }
}

void Redactor::clean(LogLine& line) const {
  clean(line.message);
  bool found = clean(line.fields);
  // A number was one: what is left is no JSON any more.
  if (found && !wire::parse_json(line.fields)) line.fields = R"({"redacted":"[secret]"})";
}

}  // namespace trivet::vault
