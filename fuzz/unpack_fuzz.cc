// links: store
// Archives out of arbitrary bytes: what is unpacked stays in its folder, within the limits, and is
// nothing but files, folders and links that stay inside.
#include <sys/stat.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>

#include "store/archive.h"

namespace fs = std::filesystem;

namespace {

// In memory where there is such a place: a hundred files are made for each input.
fs::path scratch() {
  std::error_code ec;
  std::string name =
      fs::is_directory("/dev/shm", ec) ? "/dev/shm/unpack-XXXXXX" : "/tmp/unpack-XXXXXX";
  if (!mkdtemp(name.data())) std::abort();
  return name;
}

void check(const fs::path& into, const trivet::store::UnpackLimits& limits) {
  uint64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(into)) {
    struct stat found {};
    if (lstat(entry.path().c_str(), &found) != 0) std::abort();
    std::string path = entry.path().lexically_relative(into).string();
    if (S_ISREG(found.st_mode)) {
      if (found.st_mode & 07000) std::abort();
      bytes += found.st_nlink == 1 ? static_cast<uint64_t>(found.st_size) : 0;
    } else if (S_ISLNK(found.st_mode)) {
      if (!trivet::store::stays_inside(path, fs::read_symlink(entry.path()).string())) std::abort();
    } else if (!S_ISDIR(found.st_mode)) {
      std::abort();
    }
  }
  if (bytes > limits.bytes) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  static const fs::path root = scratch();
  fs::path around = root / "around", into = around / "into", archive = root / "archive";
  fs::create_directories(into);
  std::ofstream(archive, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes), static_cast<std::streamsize>(size));
  trivet::store::UnpackLimits limits{100, 1 << 20, 200};
  static_cast<void>(trivet::store::unpack(archive, into, limits));
  check(into, limits);
  fs::remove_all(into);
  if (!fs::is_empty(around)) std::abort();
  return 0;
}
