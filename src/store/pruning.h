#pragma once
// What is in a store, and how it gets smaller. For programs that are no host: nothing is locked, a
// host may live beside it. All read and write files.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace trivet::store {

struct Kept {
  uint64_t bytes = 0;
  Duration unused{};     // since a host has begun to use it; it, or one that needs it
  bool is_used = false;  // by a host that lives, likewise
};

// Every artifact that is there, by key.
std::map<std::string, Kept> list_artifacts(const std::filesystem::path& dir);
// Removes it: gone at once, and then file by file.
Status remove_artifact(const std::filesystem::path& dir, const std::string& key);
// Removes a tree, also folders in it that may not be written.
Status remove_tree(const std::filesystem::path& dir);

}  // namespace trivet::store
