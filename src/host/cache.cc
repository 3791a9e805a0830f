#include "trivet/cache.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "store/pruning.h"
#include "store/store.h"
#include "store/transfer.h"

namespace trivet {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

Status must_exist(const fs::path& dir) {
  std::error_code ec;
  if (fs::is_directory(dir, ec)) return {};
  return Error{ErrorCode::kNotFound, "there is no data folder " + dir.string()};
}

// A call waits for what is fetched, and would rather build; nobody waits for what is sent.
constexpr store::Patience kShort{2'000ms, 3'000ms, 3, 100ms, 3'000ms};
constexpr store::Patience kLong{5'000ms, 30'000ms, 5, 100ms, 60'000ms};
constexpr auto kUnfinished = std::chrono::hours{24};

Result<std::unique_ptr<store::SharedStore>> open_store(const std::string& url,
                                                       const store::Patience& patience) {
  auto variable = [](const char* name) -> const char* { return std::getenv(name); };
  return store::SharedStore::open(url, variable, patience);
}

Status must_be_key(const std::string& key) {
  if (store::is_key(key)) return {};
  return Error{ErrorCode::kInvalidRequest, "\"" + key + "\" is no key of an artifact",
               "64 digits, as the folders below DATA/artifacts are named"};
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

Result<StoreUse> store_use(const std::string& url) {
  auto shared = open_store(url, kShort);
  if (!shared) return std::move(shared).error();
  auto amount = (*shared)->amount();
  if (!amount) return std::move(amount).error();
  return StoreUse{amount->objects, amount->bytes};
}

Result<uint64_t> store_prune(const std::string& url) {
  auto shared = open_store(url, kShort);
  if (!shared) return std::move(shared).error();
  return (*shared)->drop_unfinished(kUnfinished);
}

Status cache_pull(const std::string& data_dir, const std::string& url, const std::string& key,
                  uint64_t max_bytes) {
  if (Status good = must_be_key(key); !good) return good;
  auto shared = open_store(url, kShort);
  if (!shared) return std::move(shared).error();
  store::Store cache{data_dir};
  return store::pull(**shared, cache, key, max_bytes);
}

Result<int64_t> cache_push(const std::string& data_dir, const std::string& url,
                           const std::vector<std::string>& keys, bool replaces) {
  if (Status there = must_exist(data_dir); !there) return std::move(there).error();
  std::vector<std::string> all = keys;
  if (keys.empty())
    for (const auto& [key, artifact] : store::list_artifacts(data_dir)) all.push_back(key);
  auto shared = open_store(url, kLong);
  if (!shared) return std::move(shared).error();
  store::Store cache{data_dir};
  int64_t sent = 0;
  for (const auto& key : all) {
    if (Status good = must_be_key(key); !good) return std::move(good).error();
    auto pushed = store::push(cache, **shared, key, replaces);
    if (!pushed) return std::move(pushed).error();
    sent += *pushed;
  }
  return sent;
}

}  // namespace trivet
