#include "store/sources.h"

#include <sys/stat.h>

#include "store/archive.h"
#include "store/tree_hash.h"

namespace trivet::store {
namespace {

namespace fs = std::filesystem;

// What changes when somebody writes the file or puts another in its place.
std::string stamp_of(const fs::path& file) {
  struct stat found {};
  if (stat(file.c_str(), &found) != 0) return {};
  std::string out;
  for (int64_t part :
       {static_cast<int64_t>(found.st_mtim.tv_sec), static_cast<int64_t>(found.st_mtim.tv_nsec),
        static_cast<int64_t>(found.st_size), static_cast<int64_t>(found.st_ino)})
    out += std::to_string(part) + " ";
  return out;
}

// Archives of a registry or of a forge hold one folder, named after what it is.
fs::path inner(const fs::path& files) {
  std::error_code ec;
  fs::path only;
  for (const auto& entry : fs::directory_iterator(files, ec)) {
    if (!only.empty() || entry.is_symlink(ec) || !entry.is_directory(ec)) return files;
    only = entry.path();
  }
  return only.empty() ? files : only;
}

}  // namespace

Result<fs::path> Sources::folder_of(const fs::path& archive) {
  std::lock_guard guard{mutex_};
  std::string stamp = stamp_of(archive);
  Known& known = known_[archive];
  if (known.key.empty() || known.stamp != stamp) {
    ContentHash hash;
    hash.add("source", "archive");
    if (Status read = hash.add_file(archive); !read) return std::move(read).error();
    known = {stamp, hash.hex()};
  }
  std::string damage;
  if (!store_.use(known.key, damage))
    if (Status made = provide(archive, known.key); !made) return std::move(made).error();
  return inner(store_.files_of(known.key));
}

Status Sources::provide(const fs::path& archive, const std::string& key) {
  auto making = store_.begin(key, "");
  if (!making) return std::move(making).error();
  auto unpacked = unpack(archive, *making / "files");
  if (unpacked) return store_.keep(*making, key);
  store_.remove(*making);
  return std::move(unpacked).error();
}

}  // namespace trivet::store
