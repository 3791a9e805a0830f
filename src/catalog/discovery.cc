#include "catalog/discovery.h"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "catalog/alyx.h"
#include "catalog/manifest.h"
#include "catalog/resolve.h"
#include "catalog/route_shape.h"
#include "wire/text.h"

namespace trivet::catalog {
namespace {

namespace fs = std::filesystem;

bool passed_over(const fs::path& path) { return wire::is_no_source(path.filename().string()); }

bool is_file(const fs::path& path) {
  std::error_code ec;
  return fs::is_regular_file(path, ec);
}

// What a manifest that is wrong elsewhere calls its function: those who call it are told what is
// wrong.
std::string declared_name(const YamlNode& map, const std::string& otherwise) {
  const YamlNode* name = map.is_map() ? map.find("name") : nullptr;
  return name && name->is_scalar() && wire::is_function_name(name->text) ? name->text : otherwise;
}

// The same of a file that is not even YAML, from its lines.
std::string declared_name(const fs::path& file, const std::string& otherwise) {
  constexpr std::string_view kKey = "name:";
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(kKey)) continue;
    std::string name;
    std::istringstream{line.substr(kKey.size())} >> name;
    return wire::is_function_name(name) ? name : otherwise;
  }
  return otherwise;
}

// "resize" of "resize.tar.gz"; empty when it is none.
std::string stem_of_archive(const fs::path& file) {
  std::string name = file.filename().string();
  for (std::string_view ending : {".zip", ".tar", ".tgz", ".tar.gz", ".tar.zst", ".tar.xz"})
    if (name.ends_with(ending)) return name.substr(0, name.size() - ending.size());
  return {};
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
  return text;
}

class Walk {
 public:
  explicit Walk(const DiscoveryInput& input) : in_(input) {}

  Discovered run() {
    std::error_code ec;
    if (is_archive(in_.root)) {
      take_archive(in_.root);
    } else if (is_file(in_.root)) {
      take_lone(in_.root);
    } else if (!fs::is_directory(in_.root, ec)) {
      problem("", in_.root,
              {ErrorCode::kIo, "there is no folder " + in_.root.string(),
               "name one that holds functions"});
    } else if (!take_folder(in_.root, IsRoot::kYes)) {
      fs::path functions = in_.root / "functions";
      take_children(in_.root, "functions");
      if (fs::is_directory(functions, ec) && !take_described(functions)) take_children(functions);
    }
    refuse_duplicates();
    return std::move(out_);
  }

 private:
  enum class IsRoot { kNo, kYes };

  // What is in an archive has the archive's name for those who read it.
  std::string as_given(std::string text) const {
    for (const auto& [folder, archive] : archives_)
      text = replaced(std::move(text), folder.string(), archive.string());
    return text;
  }

  void problem(std::string function, fs::path file, Error error) {
    file = as_given(file.string());
    error.message = as_given(std::move(error.message));
    out_.problems.push_back({std::move(function), std::move(file), std::move(error)});
  }

  void take_children(const fs::path& dir, std::string_view but = {}) {
    std::vector<fs::path> entries;
    std::error_code ec;
    for (const auto& entry : fs::directory_iterator(dir, ec)) {
      if (passed_over(entry.path())) continue;
      if (!but.empty() && entry.path().filename() == but && entry.is_directory(ec)) continue;
      if (entry.is_symlink(ec) && escapes(entry.path())) continue;
      entries.push_back(entry.path());
    }
    std::sort(entries.begin(), entries.end());
    for (const auto& entry : entries) {
      if (fs::is_directory(entry, ec))
        take_folder(entry, IsRoot::kNo);
      else if (is_archive(entry))
        take_archive(entry);
      else if (is_known_source(entry))
        take_lone(entry);
    }
  }

  bool is_archive(const fs::path& file) const {
    return in_.unpacked && !stem_of_archive(file).empty() && is_file(file);
  }

  void take_archive(const fs::path& file) {
    std::string name = stem_of_archive(file);
    auto folder = in_.unpacked(file);
    if (!folder) {
      Error error = std::move(folder).error();
      if (error.code != ErrorCode::kIo) error.code = ErrorCode::kInvalidManifest;
      if (error.hint.empty()) error.hint = "make it again, with tar or zip";
      return problem(name, file, std::move(error));
    }
    archives_[*folder] = file;
    if (!take_folder(*folder, IsRoot::kNo))
      problem(name, file,
              {ErrorCode::kInvalidManifest, file.string() + ": nothing in it is a function",
               "put trivet.yaml, or an entrypoint such as a runtime looks for, at its top"});
  }

  // What a function is called that its manifest does not name.
  std::string name_of(const fs::path& dir) const {
    auto archive = archives_.find(dir);
    return archive == archives_.end() ? dir.filename().string() : stem_of_archive(archive->second);
  }

  bool escapes(const fs::path& link) const {
    std::error_code ec;
    fs::path target = fs::weakly_canonical(link, ec), root = fs::weakly_canonical(in_.root, ec);
    return ec || target.lexically_relative(root).string().starts_with("..");
  }

  bool is_known_source(const fs::path& file) const {
    std::string name = file.filename().string();
    if (name.ends_with(".d.ts") || name.ends_with("_test.go")) return false;
    return std::any_of(in_.runtimes.begin(), in_.runtimes.end(),
                       [&](const auto& r) { return claims(*r.second, file); });
  }

  // False when the folder has no manifest.
  bool take_described(const fs::path& dir) {
    if (is_file(dir / "trivet.yaml")) return take_trivet(dir, dir / "trivet.yaml"), true;
    if (is_file(dir / "schema.yaml") && take_alyx_schema(dir, dir / "schema.yaml")) return true;
    return is_file(dir / "manifest.yaml") && take_alyx_manifest(dir, dir / "manifest.yaml");
  }

  // False when nothing in the folder says that it is a function.
  bool take_folder(const fs::path& dir, IsRoot root) {
    if (take_described(dir)) return true;
    if (root == IsRoot::kYes && holds_other_functions(dir)) return false;
    FunctionSpec spec;
    spec.name = name_of(dir);
    spec.dir = dir;
    if (!find_entrypoint(spec, in_)) return false;
    spec.manifest = dir / spec.entrypoint;
    finish(std::move(spec), {}, fs::path{}, 0);
    return true;
  }

  // A root with main.py beside folders of functions is a folder of functions, not one function.
  bool holds_other_functions(const fs::path& dir) const {
    std::error_code ec;
    for (const auto& entry : fs::directory_iterator(dir, ec)) {
      if (passed_over(entry.path())) continue;
      bool manifest =
          is_file(entry.path() / "trivet.yaml") || is_file(entry.path() / "manifest.yaml");
      if (manifest || entry.path().filename() == "functions") return true;
    }
    return false;
  }

  void take_lone(const fs::path& file) {
    FunctionSpec spec;
    spec.name = file.stem().string();
    for (char& c : spec.name)  // files that are named like the class in them
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    spec.dir = file.parent_path();
    spec.entrypoint = file.filename().string();
    spec.lone = true;
    spec.manifest = file;
    finish(std::move(spec), {}, {}, 0);
  }

  void take_trivet(const fs::path& dir, const fs::path& file) {
    auto tree = read_yaml(file);
    if (!tree) return problem(declared_name(file, name_of(dir)), file, std::move(tree).error());
    const YamlNode* functions = tree->root.find("functions");
    if (!functions) {
      FunctionSpec spec;
      spec.name = name_of(dir);
      return take_entry(*tree, tree->root, std::move(spec), dir);
    }
    for (const auto& [key, value] : tree->root.members)
      if (key.text != "functions")
        return problem("", file,
                       tree->error(key, "unknown field \"" + key.text + "\" in a project manifest",
                                   "a project has only functions:"));
    if (!functions->is_map())
      return problem("", file,
                     tree->error(*functions, "functions must be a map of name to function"));
    for (const auto& [key, value] : functions->members) take_project_entry(*tree, key, value, dir);
  }

  // An entry of a project: as a manifest, with `path` for its folder.
  void take_project_entry(const YamlTree& tree, const YamlNode& key, const YamlNode& value,
                          const fs::path& dir) {
    FunctionSpec spec;
    spec.name = key.text;
    YamlNode rest = value;
    fs::path folder = dir;
    auto path = std::find_if(rest.members.begin(), rest.members.end(),
                             [](const auto& m) { return m.key.text == "path"; });
    if (path != rest.members.end()) {
      std::string text = path->value.text;
      if (path->value.is_list() || path->value.is_map())
        return problem(key.text, tree.file,
                       tree.error(path->value, "path must be one value, not " +
                                                   std::string{path->value.kind_text()}));
      if (leaves_folder(text))
        return problem(key.text, tree.file,
                       tree.error(path->value, "path must lie below the project"));
      folder = dir / text;
      rest.members.erase(path);
    } else if (std::error_code ec; fs::is_directory(dir / "functions" / key.text, ec)) {
      folder = dir / "functions" / key.text;
    }
    if (rest.line == 0) rest.line = key.line, rest.column = key.column;
    take_entry(tree, rest, std::move(spec), folder);
  }

  void take_entry(const YamlTree& tree, const YamlNode& map, FunctionSpec spec,
                  const fs::path& dir) {
    Unresolved open;
    spec.dir = dir;
    spec.manifest = tree.file;
    spec.manifest_line = map.line;
    ManifestContext context{dir, in_.environment, in_.data_dir};
    std::string name = spec.name;
    if (auto error = read_function(tree, map, context, spec, open))
      return problem(declared_name(map, name), tree.file, std::move(*error));
    finish(std::move(spec), open, tree.file, map.line);
  }

  bool take_alyx_schema(const fs::path& dir, const fs::path& file) {
    auto tree = read_yaml(file);
    if (!tree) return problem("", file, std::move(tree).error()), true;
    if (!looks_like_alyx_schema(tree->root)) return false;
    for (const auto& [key, value] : tree->root.find("functions")->members) {
      const YamlNode* path = value.find("path");
      if (path && leaves_folder(path->text)) {
        problem(key.text, file, tree->error(*path, "path must lie below the project"));
        continue;
      }
      take_alyx(*tree, value, key.text, dir / (path ? path->text : "functions/" + key.text));
    }
    return true;
  }

  bool take_alyx_manifest(const fs::path& dir, const fs::path& file) {
    auto tree = read_yaml(file);
    if (!tree) return problem(name_of(dir), file, std::move(tree).error()), true;
    if (!looks_like_alyx_manifest(tree->root)) return false;
    take_alyx(*tree, tree->root, name_of(dir), dir);
    return true;
  }

  void take_alyx(const YamlTree& tree, const YamlNode& map, const std::string& name,
                 const fs::path& dir) {
    FunctionSpec spec;
    spec.name = name;
    spec.dir = dir;
    spec.manifest = tree.file;
    spec.manifest_line = map.line;
    std::error_code ec;
    if (!fs::is_directory(dir, ec))
      return problem(name, tree.file,
                     tree.error(map, "the folder " + dir.string() + " of function " + name +
                                         " does not exist"));
    ManifestContext context{dir, in_.environment, in_.data_dir};
    if (auto error = read_alyx_function(tree, map, context, spec))
      return problem(declared_name(map, name), tree.file, std::move(*error));
    finish(std::move(spec), {.mode_given = true}, tree.file, map.line);
  }

  void finish(FunctionSpec spec, Unresolved open, const fs::path& file, int line) {
    std::string name = spec.name;
    fs::path where = file.empty() ? spec.manifest : file;
    if (auto error = resolve_function(spec, open, in_)) {
      if (line > 0)
        error->message = where.string() + ":" + std::to_string(line) + ": " + error->message;
      return problem(name, where, std::move(*error));
    }
    spec.manifest = as_given(spec.manifest.string());
    out_.functions.push_back(std::move(spec));
  }

  // Names and routes must be unique: all that share one are problems, for none of them is the right
  // one.
  void refuse_duplicates() {
    std::map<const FunctionSpec*, std::string> refused;
    std::map<std::string, std::vector<const FunctionSpec*>> names;
    for (const auto& spec : out_.functions) names[spec.name].push_back(&spec);
    for (const auto& [name, specs] : names) {
      if (specs.size() < 2) continue;
      std::string all;
      for (const auto* spec : specs) all += (all.empty() ? "" : " and ") + spec->manifest.string();
      for (const auto* spec : specs) refused[spec] = "the name \"" + name + "\" is used by " + all;
    }
    for (auto& [spec, why] : route_collisions(out_.functions)) refused.emplace(spec, why);
    if (refused.empty()) return;
    std::vector<FunctionSpec> kept;
    for (auto& spec : out_.functions) {
      auto found = refused.find(&spec);
      if (found != refused.end())
        problem(spec.name, spec.manifest,
                {ErrorCode::kInvalidManifest, spec.manifest.string() + ": " + found->second,
                 "give one of them another"});
    }
    for (auto& spec : out_.functions)
      if (!refused.count(&spec)) kept.push_back(std::move(spec));
    out_.functions = std::move(kept);
  }

  const DiscoveryInput& in_;
  std::map<fs::path, fs::path> archives_;  // by the folder that they are unpacked in
  Discovered out_;
};

}  // namespace

Discovered discover(const DiscoveryInput& input) { return Walk{input}.run(); }

}  // namespace trivet::catalog
