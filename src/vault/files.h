#pragma once
// Small private files that are never half written: a new content takes the place of the old one by
// rename, after it has reached the disk.

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "os/fd.h"

namespace trivet::vault {

// All of a regular file; nothing when it does not exist. kIo when it cannot be read or is larger
// than `most` bytes.
Result<std::optional<std::string>> read_file(const std::filesystem::path& file, size_t most);

// Replaces the file, mode 0600; it belongs to whom its folder belongs to. kIo with the reason (a
// full disk, for instance), and the old content stays. The folder must exist.
Status replace_file(const std::filesystem::path& file, std::string_view bytes);

// The folder, made with mode 0700 when it is not there, locked against other processes until the
// lock is destroyed. Waits for whoever has it, who holds it for milliseconds. kIo.
class FolderLock {
 public:
  static Result<FolderLock> take(const std::filesystem::path& dir);

 private:
  explicit FolderLock(os::Fd fd) : fd_(std::move(fd)) {}
  os::Fd fd_;
};

// Tells one state of a file from another: changes with every replace_file(). Empty: no file.
std::string stamp_of(const std::filesystem::path& file);

}  // namespace trivet::vault
