#include "wire/query.h"

#include <algorithm>

#include "wire/text.h"

namespace trivet::wire {
namespace {

// -1: not a hexadecimal digit.
int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Error bad(std::string_view what, size_t at) {
  return {ErrorCode::kInvalidRequest,
          "the URL holds " + std::string{what} + ", at byte " + std::to_string(at),
          "write a percent sign as %25, and text as UTF-8 with every byte escaped as %XX"};
}

bool is_blank_or_control(char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7f'; }

// Whether a decoded path has a segment that means a place: "." or "..", between slashes of either
// kind.
bool has_dots(std::string_view path) {
  while (!path.empty()) {
    size_t end = std::min(path.find_first_of("/\\"), path.size());
    if (std::string_view segment = path.substr(0, end); segment == "." || segment == "..")
      return true;
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return false;
}

}  // namespace

std::optional<Target> split_target(std::string_view target) {
  if (target == "*") return Target{target, {}};
  if (std::any_of(target.begin(), target.end(),
                  [](char c) { return is_blank_or_control(c) || c == '#'; }))
    return std::nullopt;
  for (std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    size_t host_end = std::min(target.find_first_of("/?", scheme.size()), target.size());
    if (host_end == scheme.size()) return std::nullopt;
    target.remove_prefix(host_end);
    if (target.empty()) return Target{"/", {}};
    if (target.front() == '?') return Target{"/", target.substr(1)};
  }
  if (!target.starts_with('/')) return std::nullopt;
  size_t question = std::min(target.find('?'), target.size());
  return Target{target.substr(0, question), target.substr(std::min(question + 1, target.size()))};
}

Status check_path(std::string_view path) {
  if (!path.starts_with('/'))
    return Error{ErrorCode::kInvalidRequest, "the path does not begin with a slash"};
  if (path.starts_with("//"))
    return Error{ErrorCode::kInvalidRequest, "the path begins with two slashes"};
  auto decoded = percent_decode(path);
  if (!decoded) return std::move(decoded).error();
  if (has_dots(*decoded))
    return Error{ErrorCode::kInvalidRequest, "the path holds a \".\" or \"..\" segment",
                 "send the path that it stands for"};
  return {};
}

Result<std::string> percent_decode(std::string_view segment) {
  std::string out;
  out.reserve(segment.size());
  for (size_t i = 0; i < segment.size(); ++i) {
    char c = segment[i];
    if (c == '%') {
      int high = i + 2 < segment.size() ? digit(segment[i + 1]) : -1;
      int low = i + 2 < segment.size() ? digit(segment[i + 2]) : -1;
      if (high < 0 || low < 0) return bad("a percent sign without two hexadecimal digits", i);
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (c == '\0') return bad("a NUL", i);
    out.push_back(c);
  }
  if (!is_utf8(out)) return bad("bytes that are not UTF-8", 0);
  return out;
}

Result<std::string> query_value(std::string_view query, std::string_view key) {
  while (!query.empty()) {
    size_t end = std::min(query.find('&'), query.size());
    std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(query.size(), end + 1));
    size_t equals = std::min(pair.find('='), pair.size());
    if (pair.substr(0, equals) == key)
      return percent_decode(pair.substr(std::min(pair.size(), equals + 1)));
  }
  return std::string{};
}

}  // namespace trivet::wire
