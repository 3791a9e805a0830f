#pragma once
// Reader: takes typed values out of one YAML map, remembers which keys were asked for, and says
// what is wrong with line and column.
//
//   Reader r{tree, node, "limits"};
//   r.duration("timeout", spec.limits.timeout, 1ms, limits::kTimeoutMax);
//   if (auto error = r.finish()) return *error;     // the first error, or an unknown key with a
//   suggestion
//
// A missing key leaves the target as it is. After the first error nothing more is read.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "catalog/yaml_tree.h"

namespace trivet::catalog {

class Reader {
 public:
  // `where` names the map in messages: "limits"; empty at the top.
  Reader(const YamlTree& tree, const YamlNode& map, std::string where);

  // The value of a key, or nullptr; marks it as known. null counts as missing.
  const YamlNode* take(std::string_view key);

  void text(std::string_view key, std::string& target);
  void texts(std::string_view key, std::vector<std::string>& target);  // a list, or one text
  void text_map(std::string_view key, std::map<std::string, std::string>& target);
  void boolean(std::string_view key, bool& target);
  void integer(std::string_view key, int64_t& target, int64_t least, int64_t most);
  void integer(std::string_view key, int& target, int least, int most);
  void number(std::string_view key, double& target, double least, double most);
  void duration(std::string_view key, Duration& target, Duration least, Duration most);
  void size(std::string_view key, size_t& target, size_t least, size_t most, size_t bare_unit = 1);
  // One of `words`; the index of the one that was written.
  std::optional<size_t> choice(std::string_view key, const std::vector<std::string>& words);
  // A map below this one, read by `body`.
  void map(std::string_view key, const std::function<void(Reader&)>& body);
  // Each item of a list of maps.
  void maps(std::string_view key, const std::function<void(Reader&)>& body);

  void fail(const YamlNode& at, std::string what, std::string hint = {});
  void fail(Error error);
  bool failed() const { return error_.has_value(); }
  const YamlTree& tree() const { return tree_; }
  const YamlNode& node() const { return map_; }
  // The first error; an unknown key when everything else was right.
  std::optional<Error> finish();

 private:
  const YamlNode* take_scalar(std::string_view key);
  std::string named(std::string_view key) const;

  const YamlTree& tree_;
  const YamlNode& map_;
  std::string where_;
  std::vector<std::string> known_;
  std::optional<Error> error_;
};

}  // namespace trivet::catalog
