#include "catalog/candidates.h"

#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <limits>
#include <sstream>
#include <string_view>

namespace trivet::catalog {
namespace {

namespace fs = std::filesystem;

// Of names without a slash, in the order in which they are looked through.
std::vector<std::string> folders(const RuntimeSpec& runtime, const std::string& search_path) {
  std::vector<std::string> out;
  std::stringstream parts(search_path);
  for (std::string folder; std::getline(parts, folder, ':');)
    if (!folder.empty()) out.push_back(folder);
  out.push_back((runtime.dir.parent_path().parent_path() / ".toolchains" / "bin").string());
  return out;
}

bool has_folder(const std::string& name) { return name.find('/') != std::string::npos; }

// A folder's name with nothing in it that a glob reads as a sign.
std::string literal(const std::string& folder) {
  std::string out;
  for (char c : folder) {
    if (std::string_view{"*?[]\\~{}"}.find(c) != std::string_view::npos) out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

void add_matches(const std::string& pattern, std::vector<std::string>& out) {
  glob_t found{};
  if (glob(pattern.c_str(), GLOB_TILDE, nullptr, &found) == 0)
    for (size_t i = 0; i < found.gl_pathc; ++i)
      if (runnable(found.gl_pathv[i])) out.emplace_back(found.gl_pathv[i]);
  globfree(&found);
}

std::vector<std::string> versioned(const RuntimeSpec& runtime,
                                   const std::vector<std::string>& places) {
  std::vector<std::string> out;
  for (const auto& pattern : expand(runtime.binary_versions, folders_of(runtime))) {
    if (has_folder(pattern)) {
      add_matches(pattern, out);
      continue;
    }
    for (const auto& place : places) add_matches(literal(place) + "/" + pattern, out);
  }
  return out;
}

std::vector<std::string> named(const RuntimeSpec& runtime, const std::vector<std::string>& places,
                               size_t most) {
  std::vector<std::string> out;
  for (const auto& name : expand(runtime.binary_candidates, folders_of(runtime))) {
    std::vector<std::string> paths{name};
    if (!has_folder(name)) paths = places;
    for (auto& path : paths) {
      if (!has_folder(name)) path += "/" + name;
      if (out.size() < most && runnable(path)) out.push_back(path);
    }
  }
  return out;
}

}  // namespace

bool runnable(const std::string& path) {
  struct stat st {};
  return stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode) && access(path.c_str(), X_OK) == 0;
}

std::string first_candidate(const RuntimeSpec& runtime, const std::string& search_path) {
  auto places = folders(runtime, search_path);
  auto found = named(runtime, places, 1);
  if (found.empty()) found = versioned(runtime, places);
  return found.empty() ? "" : found.front();
}

std::vector<std::string> all_candidates(const RuntimeSpec& runtime,
                                        const std::string& search_path) {
  auto places = folders(runtime, search_path);
  auto found = named(runtime, places, std::numeric_limits<size_t>::max());
  auto others = versioned(runtime, places);
  found.insert(found.end(), others.begin(), others.end());
  return found;
}

}  // namespace trivet::catalog
