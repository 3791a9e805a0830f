#include "trivet/cache.h"

#include <chrono>
#include <filesystem>

#include "store/pruning.h"
#include "store/store.h"

namespace trivet {
namespace {

namespace fs = std::filesystem;

Status must_exist(const fs::path& dir) {
  std::error_code ec;
  if (fs::is_directory(dir, ec)) return {};
  return Error{ErrorCode::kNotFound, "there is no data folder " + dir.string()};
}

}  // namespace

Result<CacheUse> cache_use(const std::string& data_dir) {
  if (Status there = must_exist(data_dir); !there) return std::move(there).error();
  CacheUse use;
  for (const auto& [key, artifact] : store::list_artifacts(data_dir)) {
    ++use.artifacts;
    use.in_use += artifact.is_used;
    use.artifact_bytes += artifact.bytes;
  }
  use.package_bytes = store::bytes_below(fs::path{data_dir} / "packages");
  return use;
}

Result<CacheUse> cache_prune(const std::string& data_dir, int64_t unused_ms, bool packages) {
  if (Status there = must_exist(data_dir); !there) return std::move(there).error();
  CacheUse freed;
  for (const auto& [key, artifact] : store::list_artifacts(data_dir)) {
    if (artifact.is_used || artifact.unused < std::chrono::milliseconds{unused_ms}) continue;
    if (Status gone = store::remove_artifact(data_dir, key); !gone) return std::move(gone).error();
    ++freed.artifacts;
    freed.artifact_bytes += artifact.bytes;
  }
  if (!packages) return freed;
  fs::path place = fs::path{data_dir} / "packages";
  freed.package_bytes = store::bytes_below(place);
  if (Status gone = store::remove_tree(place); !gone) return std::move(gone).error();
  return freed;
}

Result<std::vector<DamagedArtifact>> cache_verify(const std::string& data_dir) {
  if (Status there = must_exist(data_dir); !there) return std::move(there).error();
  std::vector<DamagedArtifact> damaged;
  for (const auto& [key, artifact] : store::list_artifacts(data_dir)) {
    fs::path place = fs::path{data_dir} / "artifacts" / key;
    auto contents = store::contents_of(place);
    std::string what = contents ? store::difference(*contents, place / "files", true)
                                : "its description is not whole";
    if (what.empty()) continue;
    if (artifact.is_used)
      what += "; a host uses it";
    else if (Status gone = store::remove_artifact(data_dir, key); !gone)
      return std::move(gone).error();
    damaged.push_back({key, std::move(what)});
  }
  return damaged;
}

}  // namespace trivet
