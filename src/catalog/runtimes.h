#pragma once
// Reads runtimes/<name>/runtime.yaml (runtimes/CONTRACT.md).

#include <filesystem>
#include <vector>

#include "catalog/snapshot.h"

namespace trivet::catalog {

// One runtime from its folder. Does not look for its toolchain.
Result<RuntimeSpec> read_runtime(const std::filesystem::path& dir);

struct RuntimeSet {
  std::vector<RuntimeSpec> runtimes;
  std::vector<Problem> problems;
};
// Every folder with a runtime.yaml below the given ones; names starting with _ or . are passed
// over; the first of a name wins.
RuntimeSet read_runtimes(const std::vector<std::filesystem::path>& dirs);

// May a worker of a function in `dir` have started somewhere else? Not beside files that the
// runtime looks for where a process starts (pool.not_blank_with), there or above.
bool may_start_blank(const std::filesystem::path& dir, const RuntimeSpec& runtime);

}  // namespace trivet::catalog
