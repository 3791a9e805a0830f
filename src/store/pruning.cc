#include "store/pruning.h"

#include <algorithm>
#include <chrono>

#include "store/store.h"

namespace trivet::store {
namespace {

namespace fs = std::filesystem;

Duration age_of(const fs::path& file) {
  std::error_code ec;
  auto written = fs::last_write_time(file, ec);
  if (ec) return Duration::max();  // without a description it is of no use
  return std::max<Duration>(fs::file_time_type::clock::now() - written, Duration::zero());
}

// What an artifact needs is as young, and as much in use, as it is.
void lend_to_needed(const fs::path& dir, std::map<std::string, Kept>& kept) {
  for (auto& [key, artifact] : kept) {
    auto contents = contents_of(dir / "artifacts" / key);
    if (!contents) continue;
    for (const auto& needed : contents->needs) {
      auto found = kept.find(needed);
      if (found == kept.end()) continue;
      found->second.is_used |= artifact.is_used;
      found->second.unused = std::min(found->second.unused, artifact.unused);
    }
  }
}

}  // namespace

std::map<std::string, Kept> list_artifacts(const fs::path& dir) {
  std::map<std::string, Kept> kept;
  auto used = keys_in_use(dir);
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(dir / "artifacts", ec)) {
    std::string key = entry.path().filename().string();
    if (is_key(key))
      kept[key] = {bytes_below(entry.path() / "files"), age_of(entry.path() / "contents"),
                   used.contains(key)};
  }
  lend_to_needed(dir, kept);
  return kept;
}

Status remove_tree(const fs::path& dir) {
  std::error_code ec;
  fs::remove_all(dir, ec);
  if (!ec) return {};
  std::error_code none;
  for (auto it = fs::recursive_directory_iterator(
           dir, fs::directory_options::skip_permission_denied, none);
       !none && it != fs::recursive_directory_iterator{}; it.increment(none))
    if (it->is_directory(none) && !it->is_symlink(none))
      fs::permissions(it->path(), fs::perms::owner_all, fs::perm_options::add, none);
  fs::remove_all(dir, ec);
  if (ec) return Error{ErrorCode::kIo, "cannot remove " + dir.string() + ": " + ec.message()};
  return {};
}

Status remove_artifact(const fs::path& dir, const std::string& key) {
  std::error_code ec;
  fs::path place = dir / "artifacts" / key, going = place;
  going += ".pruned.0.making";
  fs::rename(place, going, ec);
  return remove_tree(ec ? place : going);
}

}  // namespace trivet::store
