#include "wire/json_members.h"

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>

#include "wire/json.h"

namespace trivet::wire {
namespace {

constexpr size_t kMaxDepth = 64;

// Keeps nothing: only whether the text is JSON counts.
struct Nothing {
  static constexpr size_t max_object_size = static_cast<size_t>(-1);
  static constexpr size_t max_array_size = static_cast<size_t>(-1);
  static constexpr size_t max_key_size = static_cast<size_t>(-1);
  static constexpr size_t max_string_size = static_cast<size_t>(-1);
  using Ec = json::error_code;
  using View = json::string_view;
  bool on_document_begin(Ec&) { return true; }
  bool on_document_end(Ec&) { return true; }
  bool on_object_begin(Ec&) { return true; }
  bool on_object_end(size_t, Ec&) { return true; }
  bool on_array_begin(Ec&) { return true; }
  bool on_array_end(size_t, Ec&) { return true; }
  bool on_key_part(View, size_t, Ec&) { return true; }
  bool on_key(View, size_t, Ec&) { return true; }
  bool on_string_part(View, size_t, Ec&) { return true; }
  bool on_string(View, size_t, Ec&) { return true; }
  bool on_number_part(View, Ec&) { return true; }
  bool on_int64(int64_t, View, Ec&) { return true; }
  bool on_uint64(uint64_t, View, Ec&) { return true; }
  bool on_double(double, View, Ec&) { return true; }
  bool on_bool(bool, Ec&) { return true; }
  bool on_null(Ec&) { return true; }
  bool on_comment_part(View, Ec&) { return true; }
  bool on_comment(View, Ec&) { return true; }
};

// Walks over text that is known to be JSON.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  char skip_space() {
    at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size());
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  void step() { ++at_; }
  size_t at() const { return at_; }

  std::string_view value() {
    size_t begin = at_;
    if (text_[at_] == '"') {
      skip_string();
    } else if (text_[at_] == '{' || text_[at_] == '[') {
      skip_nested();
    } else {
      at_ = std::min(text_.find_first_of(",]} \t\r\n", at_), text_.size());
    }
    return text_.substr(begin, at_ - begin);
  }

 private:
  void skip_string() {
    ++at_;
    for (;;) {
      at_ = text_.find_first_of("\"\\", at_);
      if (text_[at_] == '"') break;
      at_ += 2;
    }
    ++at_;
  }
  void skip_nested() {
    size_t depth = 0;
    do {
      at_ = text_.find_first_of("\"{}[]", at_);
      char c = text_[at_];
      if (c == '"') {
        skip_string();
        continue;
      }
      ++at_;
      if (c == '{' || c == '[')
        ++depth;
      else
        --depth;
    } while (depth > 0);
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Status check_json(std::string_view text) {
  json::parse_options options;
  options.max_depth = kMaxDepth;
  json::basic_parser<Nothing> parser(options);
  json::error_code ec;
  size_t used = parser.write_some(false, text.data(), text.size(), ec);
  if (ec)
    return Error{ErrorCode::kInvalidInput, ec.message() + " at offset " + std::to_string(used)};
  size_t rest = text.find_first_not_of(" \t\r\n", used);
  if (rest != std::string_view::npos)
    return Error{ErrorCode::kInvalidInput,
                 "extra bytes after the JSON document at offset " + std::to_string(rest)};
  return {};
}

Result<std::vector<JsonMember>> json_members(std::string_view text) {
  if (Status valid = check_json(text); !valid) return std::move(valid).error();
  Cursor cursor{text};
  if (cursor.skip_space() != '{')
    return Error{ErrorCode::kInvalidInput,
                 "not a JSON object at offset " + std::to_string(cursor.at())};
  std::vector<JsonMember> members;
  cursor.step();
  while (cursor.skip_space() != '}') {
    auto key = json_string(cursor.value());
    if (!key) return std::move(key).error();
    cursor.skip_space();
    cursor.step();  // ':'
    cursor.skip_space();
    members.push_back({std::move(*key), cursor.value()});
    if (cursor.skip_space() == ',') cursor.step();
  }
  return members;
}

const JsonMember* find_member(const std::vector<JsonMember>& members, std::string_view key) {
  auto found = std::find_if(members.rbegin(), members.rend(),
                            [key](const JsonMember& member) { return member.key == key; });
  return found == members.rend() ? nullptr : &*found;
}

Result<std::string> json_string(std::string_view value) {
  if (value.size() < 2 || value[0] != '"')
    return Error{ErrorCode::kInvalidInput, "not a JSON string"};
  if (value.find('\\') == std::string_view::npos)
    return std::string{value.substr(1, value.size() - 2)};
  auto parsed = parse_json(value);
  if (!parsed) return std::move(parsed).error();
  return std::string{parsed->as_string()};
}

}  // namespace trivet::wire
