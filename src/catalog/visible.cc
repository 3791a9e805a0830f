#include "catalog/visible.h"

#include <glob.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>

namespace trivet::catalog {
namespace {

namespace fs = std::filesystem;

bool is_private(const fs::path& folder) {
  const char* home = std::getenv("HOME");
  auto is_home = [home](const fs::path& place) {
    return place.parent_path() == "/home" || place == "/root" || (home && place == home);
  };
  return folder == "/" || is_home(folder) || is_home(folder.parent_path());
}

}  // namespace

std::string installation_of(const std::string& program) {
  fs::path folder = fs::path{program}.parent_path();
  if (folder.filename() == "bin") folder = folder.parent_path();
  return is_private(folder) ? program : folder.string();
}

std::vector<std::string> visible_paths(const Snapshot& snapshot, const fs::path& data_dir) {
  auto holds_more = [&](const fs::path& folder) {
    auto has = [&folder](const fs::path& place) {
      return std::mismatch(folder.begin(), folder.end(), place.begin(), place.end()).first ==
             folder.end();
    };
    return has(data_dir) || std::any_of(snapshot.functions.begin(), snapshot.functions.end(),
                                        [&](const auto& one) { return has(one.second->dir); });
  };
  std::set<std::string> paths;
  auto add = [&paths](const fs::path& path) {
    std::error_code ec;
    if (fs::exists(path, ec)) paths.insert(path.lexically_normal().string());
  };
  auto add_program = [&](const std::string& program) {
    std::string all = installation_of(program);
    add(holds_more(all) ? program : all);
  };
  auto add_runtime = [&](const RuntimePtr& runtime) {
    fs::path all = runtime->dir.parent_path();
    add(all);
    add(all.parent_path() / ".toolchains");
    if (!runtime->available()) return;
    add_program(runtime->binary);
    std::error_code ec;
    fs::path real = fs::canonical(runtime->binary, ec);
    if (!ec) add_program(real.string());
    for (const auto& pattern : runtime->reads) {
      glob_t found{};
      if (glob(pattern.c_str(), GLOB_TILDE, nullptr, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; ++i) add(found.gl_pathv[i]);
      globfree(&found);
    }
  };
  for (const auto* known : {&snapshot.runtimes, &snapshot.versions})
    for (const auto& [name, runtime] : *known) add_runtime(runtime);
  return {paths.begin(), paths.end()};
}

}  // namespace trivet::catalog
