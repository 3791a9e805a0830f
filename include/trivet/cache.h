#pragma once
// The data folder of a host: artifacts of builds, and what package managers keep. These functions
// read and write files, may take seconds, and may be called from any thread, also while hosts use
// the folder.

#include <cstdint>
#include <string>
#include <vector>

#include "trivet/error.h"
#include "trivet/result.h"

namespace trivet {

struct CacheUse {
  int64_t artifacts = 0;  // how many
  int64_t in_use = 0;     // of those, by a host that lives
  uint64_t artifact_bytes = 0;
  uint64_t package_bytes = 0;  // of package managers
};

struct DamagedArtifact {
  std::string key;
  std::string what;  // "app has other bytes"
};

// kNotFound when there is no such folder; so do the others.
Result<CacheUse> cache_use(const std::string& data_dir);
// Removes artifacts that no living host uses and that none has begun to use for that long, and what
// dead ones have left half-made; with `packages` also what package managers keep. What was freed.
Result<CacheUse> cache_prune(const std::string& data_dir, int64_t unused_ms, bool packages);
// Reads every artifact. Those that are damaged are removed, so that they are built again, unless a
// living host uses them.
Result<std::vector<DamagedArtifact>> cache_verify(const std::string& data_dir);

// The store that hosts share, as HostConfig::store names it. The network is asked: minutes at most,
// kUnavailable and kUnauthorized with what the store said.

struct StoreUse {
  uint64_t artifacts = 0, bytes = 0;
};
Result<StoreUse> store_use(const std::string& store);
// Ends uploads that nobody has finished for a day. How many there were.
Result<uint64_t> store_prune(const std::string& store);
// Into the data folder, which is made when it is not there; at most `max_bytes` of files. kNotFound
// when the store has not got it, kInvalidInput when it is not what it should be.
Status cache_pull(const std::string& data_dir, const std::string& store, const std::string& key,
                  uint64_t max_bytes);
// Sends the artifacts with these keys, or all there are, that the store has not got; with
// `replaces` also the others. How many were sent.
Result<int64_t> cache_push(const std::string& data_dir, const std::string& store,
                           const std::vector<std::string>& keys, bool replaces);

}  // namespace trivet
