#pragma once
// Where a toolchain may be: files by the names and globs of a runtime's manifest.

#include <string>
#include <vector>

#include "catalog/runtime.h"

namespace trivet::catalog {

// Can the file be started?
bool runnable(const std::string& path);

// The first of toolchain.binary that is there, else the first that a glob of toolchain.versions
// finds; empty when there is none. `search_path` is PATH's value.
std::string first_candidate(const RuntimeSpec& runtime, const std::string& search_path);
// All that are there, in that order: a name wherever PATH and .toolchains/bin have it, then what
// the globs find. A file comes once for each path that leads to it.
std::vector<std::string> all_candidates(const RuntimeSpec& runtime, const std::string& search_path);

}  // namespace trivet::catalog
