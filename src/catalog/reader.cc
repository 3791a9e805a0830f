#include "catalog/reader.h"

#include <algorithm>
#include <charconv>

#include "wire/text.h"

namespace trivet::catalog {

Reader::Reader(const YamlTree& tree, const YamlNode& map, std::string where)
    : tree_(tree), map_(map), where_(std::move(where)) {
  if (map.kind != YamlNode::Kind::kMap && map.kind != YamlNode::Kind::kNull)
    fail(map, (where_.empty() ? "the manifest" : where_) + " must be a map, not " +
                  std::string{map.kind_text()});
}

std::string Reader::named(std::string_view key) const {
  return where_.empty() ? std::string{key} : where_ + "." + std::string{key};
}

void Reader::fail(const YamlNode& at, std::string what, std::string hint) {
  if (!error_) error_ = tree_.error(at, std::move(what), std::move(hint));
}

void Reader::fail(Error error) {
  if (!error_) error_ = std::move(error);
}

const YamlNode* Reader::take(std::string_view key) {
  known_.emplace_back(key);
  if (error_) return nullptr;
  const YamlNode* node = map_.find(key);
  return node && node->kind != YamlNode::Kind::kNull ? node : nullptr;
}

const YamlNode* Reader::take_scalar(std::string_view key) {
  const YamlNode* node = take(key);
  if (!node || node->is_scalar()) return node;
  fail(*node, named(key) + " must be one value, not " + std::string{node->kind_text()});
  return nullptr;
}

void Reader::text(std::string_view key, std::string& target) {
  if (const YamlNode* node = take_scalar(key)) target = node->text;
}

void Reader::texts(std::string_view key, std::vector<std::string>& target) {
  const YamlNode* node = take(key);
  if (!node) return;
  if (node->is_scalar()) {
    target = {node->text};
    return;
  }
  if (!node->is_list())
    return fail(*node, named(key) + " must be a list, not " + std::string{node->kind_text()});
  target.clear();
  for (const auto& item : node->items) {
    if (!item.is_scalar()) return fail(item, "each item of " + named(key) + " must be text");
    target.push_back(item.text);
  }
}

void Reader::text_map(std::string_view key, std::map<std::string, std::string>& target) {
  const YamlNode* node = take(key);
  if (!node) return;
  if (!node->is_map())
    return fail(*node, named(key) + " must be a map, not " + std::string{node->kind_text()});
  for (const auto& [name, value] : node->members) {
    if (!value.is_scalar() && value.kind != YamlNode::Kind::kNull)
      return fail(value, named(key) + "." + name.text + " must be text");
    target[name.text] = value.text;
  }
}

void Reader::boolean(std::string_view key, bool& target) {
  const YamlNode* node = take_scalar(key);
  if (!node) return;
  if (node->text == "true" || node->text == "yes" || node->text == "on")
    target = true;
  else if (node->text == "false" || node->text == "no" || node->text == "off")
    target = false;
  else
    fail(*node, named(key) + " must be true or false, not \"" + node->text + "\"");
}

void Reader::integer(std::string_view key, int64_t& target, int64_t least, int64_t most) {
  const YamlNode* node = take_scalar(key);
  if (!node) return;
  int64_t value = 0;
  auto [end, failed] =
      std::from_chars(node->text.data(), node->text.data() + node->text.size(), value);
  if (failed != std::errc{} || end != node->text.data() + node->text.size())
    return fail(*node, named(key) + " must be a whole number, not \"" + node->text + "\"");
  if (value < least || value > most)
    return fail(*node, named(key) + " must be from " + std::to_string(least) + " to " +
                           std::to_string(most) + ", not " + node->text);
  target = value;
}

void Reader::integer(std::string_view key, int& target, int least, int most) {
  int64_t wide = target;
  integer(key, wide, int64_t{least}, int64_t{most});
  target = static_cast<int>(wide);
}

void Reader::number(std::string_view key, double& target, double least, double most) {
  const YamlNode* node = take_scalar(key);
  if (!node) return;
  double value = 0;
  auto [end, failed] =
      std::from_chars(node->text.data(), node->text.data() + node->text.size(), value);
  if (failed != std::errc{} || end != node->text.data() + node->text.size() ||
      !(value >= least && value <= most))
    return fail(*node, named(key) + " must be a number from " + std::to_string(least) + " to " +
                           std::to_string(most) + ", not \"" + node->text + "\"");
  target = value;
}

void Reader::duration(std::string_view key, Duration& target, Duration least, Duration most) {
  const YamlNode* node = take_scalar(key);
  if (!node) return;
  auto value = wire::parse_duration(node->text);
  if (!value) return fail(*node, named(key) + ": " + value.error().message, value.error().hint);
  if (*value < least || *value > most)
    return fail(*node, named(key) + " must be from " + wire::format_duration(least) + " to " +
                           wire::format_duration(most) + ", not " + node->text);
  target = *value;
}

void Reader::size(std::string_view key, size_t& target, size_t least, size_t most,
                  size_t bare_unit) {
  const YamlNode* node = take_scalar(key);
  if (!node) return;
  auto value = wire::parse_size(node->text, bare_unit);
  if (!value) return fail(*node, named(key) + ": " + value.error().message, value.error().hint);
  if (*value < least || *value > most)
    return fail(*node, named(key) + " must be from " + wire::format_size(least) + " to " +
                           wire::format_size(most) + ", not " + node->text);
  target = *value;
}

std::optional<size_t> Reader::choice(std::string_view key, const std::vector<std::string>& words) {
  const YamlNode* node = take_scalar(key);
  if (!node) return std::nullopt;
  auto found = std::find(words.begin(), words.end(), node->text);
  if (found != words.end()) return static_cast<size_t>(found - words.begin());
  std::string all;
  for (const auto& word : words) all += (all.empty() ? "" : ", ") + word;
  std::string near = wire::nearest(node->text, words);
  fail(*node, named(key) + " must be one of " + all + ", not \"" + node->text + "\"",
       near.empty() ? "" : "did you mean \"" + near + "\"?");
  return std::nullopt;
}

void Reader::map(std::string_view key, const std::function<void(Reader&)>& body) {
  const YamlNode* node = take(key);
  if (!node) return;
  Reader inner{tree_, *node, named(key)};
  if (!inner.failed()) body(inner);
  if (auto error = inner.finish()) fail(std::move(*error));
}

void Reader::maps(std::string_view key, const std::function<void(Reader&)>& body) {
  const YamlNode* node = take(key);
  if (!node) return;
  if (!node->is_list())
    return fail(*node, named(key) + " must be a list, not " + std::string{node->kind_text()});
  for (const auto& item : node->items) {
    Reader inner{tree_, item, named(key)};
    if (!inner.failed()) body(inner);
    if (auto error = inner.finish()) return fail(std::move(*error));
  }
}

std::optional<Error> Reader::finish() {
  if (error_) return error_;
  for (const auto& [key, value] : map_.members) {
    if (std::find(known_.begin(), known_.end(), key.text) != known_.end()) continue;
    std::string near = wire::nearest(key.text, known_);
    fail(key, "unknown field \"" + named(key.text) + "\"",
         near.empty() ? "" : "did you mean \"" + near + "\"?");
    return error_;
  }
  return std::nullopt;
}

}  // namespace trivet::catalog
