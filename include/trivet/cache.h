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

}  // namespace trivet
