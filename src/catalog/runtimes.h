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

}  // namespace trivet::catalog
