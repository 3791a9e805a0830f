#pragma once
// What every sandbox must see of the host so that runtimes work: their folders and toolchains.

#include <filesystem>
#include <string>
#include <vector>

#include "catalog/snapshot.h"

namespace trivet::catalog {

// Absolute paths that exist, sorted, none twice: the folders of runtimes and of the toolchains
// beside them, where each toolchain that was found is installed, and what its runtime.yaml names
// under `reads`. What all sandboxes see anyway (/usr) may be among them. A folder that holds a
// function or `data_dir` is never among them: of a toolchain in one the program alone is shown.
// Looks at the disk.
std::vector<std::string> visible_paths(const Snapshot& snapshot,
                                       const std::filesystem::path& data_dir);

// Where a program is installed: "/opt/x" of "/opt/x/bin/x". The program alone where that would be
// somebody's home, or all there is.
std::string installation_of(const std::string& program);

}  // namespace trivet::catalog
