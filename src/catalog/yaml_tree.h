#pragma once
// YAML as a small tree that knows where everything stands, so that each error can say line and
// column.
//
// yaml-cpp is used behind this file only, through its events: no exception leaves, and size, depth
// and the number of nodes after aliases are expanded are limited, so a hostile manifest costs
// nothing.

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace trivet::catalog {

struct YamlMember;

struct YamlNode {
  enum class Kind { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  std::string text;                 // kScalar
  bool quoted = false;              // "3.10" stays text
  std::vector<YamlNode> items;      // kList
  std::vector<YamlMember> members;  // kMap: in order
  int line = 0, column = 0;         // 1-based

  bool is_scalar() const { return kind == Kind::kScalar; }
  bool is_map() const { return kind == Kind::kMap; }
  bool is_list() const { return kind == Kind::kList; }
  // The value of a key of a map; nullptr when there is none.
  const YamlNode* find(std::string_view key) const;
  // "a map", "a list", "text", "nothing"
  std::string_view kind_text() const;
};

struct YamlMember {
  YamlNode key, value;
};

struct YamlTree {
  std::filesystem::path file;
  YamlNode root;
  // kInvalidManifest: "file:line:column: what"; of a node that stands nowhere "what" alone.
  Error error(const YamlNode& at, std::string what, std::string hint = {}) const;
};

Result<YamlTree> parse_yaml(std::string_view text, std::filesystem::path file);
// kIo when it cannot be read, kInvalidManifest when it is larger than limits::kManifestMax.
Result<YamlTree> read_yaml(const std::filesystem::path& file);

}  // namespace trivet::catalog
