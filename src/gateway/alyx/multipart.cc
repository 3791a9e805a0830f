#include "gateway/alyx/multipart.h"

#include <algorithm>

#include "wire/base64.h"

namespace trivet::gateway {
namespace {

namespace json = boost::json;

constexpr size_t kPartsMost = 1000;
constexpr std::string_view kLine = "\r\n";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool same(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

Error bad(std::string what) {
  return {ErrorCode::kInvalidRequest, "the body is not multipart/form-data: " + std::move(what)};
}

// Takes a parameter's value off the front of `rest`: a token, or a text in quotes.
std::string take_value(std::string_view& rest) {
  std::string value;
  if (!rest.starts_with('"')) {
    size_t end = std::min(rest.find(';'), rest.size());
    value = trimmed(rest.substr(0, end));
    rest.remove_prefix(end);
    return value;
  }
  size_t at = 1;
  for (; at < rest.size() && rest[at] != '"'; ++at) {
    bool escaped =
        rest[at] == '\\' && at + 1 < rest.size() && (rest[at + 1] == '"' || rest[at + 1] == '\\');
    if (escaped) ++at;
    value.push_back(rest[at]);
  }
  rest.remove_prefix(std::min(rest.size(), at + 1));
  return value;
}

// The parameter of `form-data; name="a"; filename="b"`.
std::optional<std::string> parameter(std::string_view header, std::string_view wanted) {
  size_t semicolon = header.find(';');
  while (semicolon < header.size()) {
    header.remove_prefix(semicolon + 1);
    size_t equals = header.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    std::string_view name = trimmed(header.substr(0, equals));
    header = trimmed(header.substr(equals + 1));
    std::string value = take_value(header);
    if (same(name, wanted)) return value;
    semicolon = header.find(';');
  }
  return std::nullopt;
}

struct Part {
  std::string disposition, type = "application/octet-stream";
  std::string_view content;
};

// Takes the headers off the front of a part.
Result<Part> read_part(std::string_view text) {
  Part part;
  for (;;) {
    size_t end = text.find(kLine);
    if (end == std::string_view::npos) return bad("a part's headers do not end");
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end + kLine.size());
    if (line.empty()) break;
    size_t colon = line.find(':');
    if (colon == std::string_view::npos) return bad("a part's header has no colon");
    std::string_view name = trimmed(line.substr(0, colon)), value = trimmed(line.substr(colon + 1));
    if (same(name, "content-disposition")) part.disposition = value;
    if (same(name, "content-type")) part.type = value;
  }
  part.content = text;
  return part;
}

void add_field(json::object& input, std::string_view name, std::string_view value) {
  auto* there = input.if_contains(name);
  if (!there)
    input[name] = value;
  else if (there->is_array())
    there->as_array().emplace_back(value);
  else
    *there = json::array{*there, json::value(value)};
}

Status add_part(const Part& part, json::object& input, json::array& files) {
  auto name = parameter(part.disposition, "name");
  if (!name || name->empty()) return bad("a part has no name");
  auto filename = parameter(part.disposition, "filename");
  if (!filename) {
    add_field(input, *name, part.content);
    return {};
  }
  files.push_back(json::object{{"name", *name},
                               {"filename", *filename},
                               {"content_type", part.type},
                               {"size", part.content.size()},
                               {"data", wire::to_base64(part.content)}});
  return {};
}

}  // namespace

bool is_multipart(std::string_view content_type) {
  return same(trimmed(content_type.substr(0, content_type.find(';'))), "multipart/form-data");
}

Result<json::object> multipart_input(std::string_view content_type, std::string_view body) {
  auto boundary = parameter(content_type, "boundary");
  if (!boundary || boundary->empty()) return bad("content-type has no boundary");
  const std::string mark = "--" + *boundary, next = std::string{kLine} + mark;
  size_t first = body.starts_with(mark) ? 0 : body.find(next);
  if (first == std::string_view::npos) return bad("the boundary does not occur in it");
  body.remove_prefix(first == 0 ? mark.size() : first + next.size());
  json::object input;
  json::array files;
  for (size_t parts = 0; !body.starts_with("--"); ++parts) {
    size_t line = body.find(kLine);
    if (line == std::string_view::npos || !trimmed(body.substr(0, line)).empty())
      return bad("there is more than a boundary on its line");
    if (parts == kPartsMost) return bad("it has more than 1000 parts");
    body.remove_prefix(line + kLine.size());
    size_t end = body.find(next);
    if (end == std::string_view::npos) return bad("its last boundary is missing");
    auto part = read_part(body.substr(0, end));
    if (!part) return std::move(part).error();
    if (Status added = add_part(*part, input, files); !added) return std::move(added).error();
    body.remove_prefix(end + next.size());
  }
  if (!files.empty()) input["_files"] = std::move(files);
  return input;
}

}  // namespace trivet::gateway
