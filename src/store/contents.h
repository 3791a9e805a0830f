#pragma once
// What an artifact consists of, entry by entry, as it was when it was made: how one that was
// damaged since then is recognised.
//
// As text, a line each: "trivet artifact 1", "needs KEY" for each artifact that its links lead
// into, "f MODE SIZE MTIME HASH PATH", "d PATH", "l TARGET PATH", "end HASH". Blanks, controls and
// % in paths are %XX. Times are nanoseconds. Pure but for those that take a folder, which read it
// and belong on a blocking thread.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace trivet::store {

struct Entry {
  char kind = 'f';  // f file, d folder, l link
  bool is_program = false;
  uint64_t size = 0;
  int64_t mtime = 0;
  std::string hash;    // of a file's bytes
  std::string target;  // of a link
  std::string path;    // relative
  bool operator==(const Entry&) const = default;
};

struct Contents {
  std::vector<std::string> needs;  // keys
  std::vector<Entry> entries;      // by path
  // Of everything but the times: the same for every build of the same thing. 64 digits.
  std::string hash() const;
  bool operator==(const Contents&) const = default;
};

std::string to_text(const Contents& contents);
// kInvalidInput when it is not whole.
Result<Contents> read_contents(std::string_view text);

// Of a folder, now. kIo with the path.
Result<Contents> look_at(const std::filesystem::path& dir);
// What is not as it was: a path and how it differs, empty when nothing is. Files that came later do
// not count. Sizes, times and targets are compared, and with `deep` every byte.
std::string difference(const Contents& contents, const std::filesystem::path& dir, bool deep);
// Bytes of the files below a folder. What goes away meanwhile is not counted.
uint64_t bytes_below(const std::filesystem::path& dir);

}  // namespace trivet::store
