#include "store/tree_hash.h"

#include <algorithm>
#include <fstream>

#include "wire/text.h"

namespace trivet::store {
namespace {

namespace fs = std::filesystem;

bool is_name(const std::string& glob) { return glob.find_first_of("*?[{") == std::string::npos; }

}  // namespace

void ContentHash::add(std::string_view name, std::string_view bytes) {
  for (std::string_view part : {name, bytes}) {
    uint64_t size = part.size();
    sum_.add({reinterpret_cast<const char*>(&size), sizeof size});
    sum_.add(part);
  }
}

Status ContentHash::add_file(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return Error{ErrorCode::kIo, "cannot read " + file.string()};
  std::string bytes{std::istreambuf_iterator<char>{in}, {}};
  add(file.filename().string(), bytes);
  return {};
}

Status ContentHash::add_tree(const fs::path& dir, const std::vector<std::string>& globs) {
  std::vector<std::string> files;
  std::error_code ec;
  for (auto it =
           fs::recursive_directory_iterator(dir, fs::directory_options::skip_permission_denied, ec);
       !ec && it != fs::recursive_directory_iterator{}; it.increment(ec)) {
    if (wire::is_no_source(it->path().filename().string())) {
      if (it->is_directory(ec)) it.disable_recursion_pending();
      continue;
    }
    if (!it->is_regular_file(ec)) continue;
    std::string name = it->path().lexically_relative(dir).string();
    bool wanted = globs.empty() || std::any_of(globs.begin(), globs.end(), [&](const auto& glob) {
                    return wire::glob_match(glob, name);
                  });
    if (wanted) files.push_back(std::move(name));
  }
  if (ec) return Error{ErrorCode::kIo, "cannot list " + dir.string() + ": " + ec.message()};
  for (const auto& glob : globs)
    if (is_name(glob) && fs::is_regular_file(dir / glob, ec)) files.push_back(glob);
  std::sort(files.begin(), files.end());
  files.erase(std::unique(files.begin(), files.end()), files.end());
  for (const auto& name : files) {
    std::ifstream in(dir / name, std::ios::binary);
    if (!in) return Error{ErrorCode::kIo, "cannot read " + (dir / name).string()};
    std::string bytes{std::istreambuf_iterator<char>{in}, {}};
    add(name, bytes);
  }
  return {};
}

}  // namespace trivet::store
