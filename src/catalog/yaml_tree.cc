#include "catalog/yaml_tree.h"

#include <yaml-cpp/emitterstyle.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>

#include "base/limits.h"
#include "wire/text.h"

namespace trivet::catalog {
namespace {

// Builds the tree from events. After the first error everything else is ignored.
class Builder final : public YAML::EventHandler {
 public:
  struct Failure {
    int line, column;
    std::string what;
  };
  YamlNode root;
  std::optional<Failure> failure;

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    count(mark, {1, 0});
    add(node(mark, YamlNode::Kind::kNull), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    auto found = anchors_.find(anchor);
    if (found == anchors_.end()) return fail(mark, "an alias to something that is not whole yet");
    count(mark, weigh(found->second));
    if (!failure) add(found->second, 0);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode n = node(mark, YamlNode::Kind::kScalar);
    count(mark, {1, value.size()});
    n.text = value;
    n.quoted = tag == "!";
    add(std::move(n), anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(node(mark, YamlNode::Kind::kList), mark, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(node(mark, YamlNode::Kind::kMap), mark, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    YamlNode node;
    YAML::anchor_t anchor;
    std::optional<YamlNode> key;
    std::set<std::string> keys;
  };

  static YamlNode node(const YAML::Mark& mark, YamlNode::Kind kind) {
    YamlNode n;
    n.kind = kind;
    n.line = mark.line + 1;
    n.column = mark.column + 1;
    return n;
  }
  struct Weight {
    size_t nodes = 0, bytes = 0;
    Weight& operator+=(const Weight& more) {
      nodes += more.nodes;
      bytes += more.bytes;
      return *this;
    }
  };
  static Weight weigh(const YamlNode& n) {
    Weight total{1, n.text.size()};
    for (const auto& item : n.items) total += weigh(item);
    for (const auto& [key, value] : n.members) (total += weigh(key)) += weigh(value);
    return total;
  }
  void fail(const YAML::Mark& mark, std::string what) {
    if (!failure) failure = Failure{mark.line + 1, mark.column + 1, std::move(what)};
  }
  void count(const YAML::Mark& mark, const Weight& more) {
    weight_ += more;
    if (weight_.bytes > limits::kManifestMax)
      fail(mark, "more than " + wire::format_size(limits::kManifestMax) +
                     " of text once aliases are expanded");
    if (weight_.nodes > limits::kManifestNodes)
      fail(mark, "more than " + std::to_string(limits::kManifestNodes) +
                     " values once aliases are expanded");
  }
  void open(YamlNode n, const YAML::Mark& mark, YAML::anchor_t anchor) {
    count(mark, {1, 0});
    if (stack_.size() >= limits::kManifestDepth)
      fail(mark, "nested deeper than " + std::to_string(limits::kManifestDepth) + " levels");
    if (failure) {
      ++ignored_;
      return;
    }
    stack_.push_back({std::move(n), anchor, {}, {}});
  }
  void close() {
    if (ignored_ > 0) {
      --ignored_;
      return;
    }
    if (stack_.empty()) return;
    Open done = std::move(stack_.back());
    stack_.pop_back();
    add(std::move(done.node), done.anchor);
  }
  void add(YamlNode n, YAML::anchor_t anchor) {
    if (failure) return;
    if (anchor) anchors_[anchor] = n;
    if (stack_.empty()) {
      root = std::move(n);
      return;
    }
    Open& parent = stack_.back();
    if (parent.node.is_list()) {
      parent.node.items.push_back(std::move(n));
    } else if (!parent.key) {
      YAML::Mark mark;
      mark.line = n.line - 1;
      mark.column = n.column - 1;
      if (!n.is_scalar()) return fail(mark, "a key must be plain text");
      if (!parent.keys.insert(n.text).second)
        return fail(mark, "the key \"" + n.text + "\" stands twice");
      parent.key = std::move(n);
    } else {
      parent.node.members.push_back({std::move(*parent.key), std::move(n)});
      parent.key.reset();
    }
  }

  std::vector<Open> stack_;
  std::map<YAML::anchor_t, YamlNode> anchors_;
  Weight weight_;
  int ignored_ = 0;
};

Error at(const std::filesystem::path& file, int line, int column, const std::string& what,
         std::string hint) {
  return {ErrorCode::kInvalidManifest,
          file.string() + ":" + std::to_string(line) + ":" + std::to_string(column) + ": " + what,
          std::move(hint)};
}

// yaml-cpp recurses; brackets nested too deep are refused before it sees them.
bool nests_too_deep(std::string_view text) {
  size_t depth = 0;
  for (char c : text) {
    if (c == '[' || c == '{') ++depth;
    if ((c == ']' || c == '}') && depth > 0) --depth;
    if (depth > 4 * limits::kManifestDepth) return true;
  }
  return false;
}

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  for (const auto& [name, value] : members)
    if (name.text == key) return &value;
  return nullptr;
}

std::string_view YamlNode::kind_text() const {
  switch (kind) {
    case Kind::kScalar:
      return "text";
    case Kind::kList:
      return "a list";
    case Kind::kMap:
      return "a map";
    default:
      return "nothing";
  }
}

Error YamlTree::error(const YamlNode& node, std::string what, std::string hint) const {
  if (node.line == 0) return {ErrorCode::kInvalidManifest, std::move(what), std::move(hint)};
  return at(file, node.line, node.column, what, std::move(hint));
}

Result<YamlTree> parse_yaml(std::string_view text, std::filesystem::path file) {
  if (text.size() > limits::kManifestMax)
    return at(file, 1, 1, "the manifest is larger than " + wire::format_size(limits::kManifestMax),
              "manifests are small; is this the right file?");
  if (!wire::is_utf8(text)) return at(file, 1, 1, "the manifest is not UTF-8", "save it as UTF-8");
  if (text.find('\0') != std::string_view::npos)
    return at(file, 1, 1, "the manifest has a zero byte", "is this the right file?");
  if (nests_too_deep(text))
    return at(file, 1, 1,
              "nested deeper than " + std::to_string(limits::kManifestDepth) + " levels", "");
  YamlTree tree{std::move(file), {}};
  Builder builder;
  try {
    std::istringstream in{std::string{text}};
    YAML::Parser parser{in};
    parser.HandleNextDocument(builder);
    Builder second;
    if (!builder.failure && parser.HandleNextDocument(second) &&
        second.root.kind != YamlNode::Kind::kNull)
      return at(tree.file, second.root.line, second.root.column, "a second YAML document",
                "one file holds one manifest");
  } catch (const YAML::Exception& e) {
    return at(tree.file, e.mark.line + 1, e.mark.column + 1, e.msg, "check the YAML at this place");
  }
  if (builder.failure)
    return at(tree.file, builder.failure->line, builder.failure->column, builder.failure->what, "");
  tree.root = std::move(builder.root);
  return tree;
}

Result<YamlTree> read_yaml(const std::filesystem::path& file) {
  std::error_code ec;
  auto size = std::filesystem::file_size(file, ec);
  if (!ec && size > limits::kManifestMax)
    return at(file, 1, 1, "the manifest is larger than " + wire::format_size(limits::kManifestMax),
              "manifests are small; is this the right file?");
  std::ifstream in(file, std::ios::binary);
  if (!in)
    return Error{ErrorCode::kIo, "cannot read " + file.string(),
                 "check that it exists and may be read"};
  std::string text{std::istreambuf_iterator<char>{in}, {}};
  return parse_yaml(text, file);
}

}  // namespace trivet::catalog
