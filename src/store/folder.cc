#include "store/folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "base/ids.h"
#include "os/fd.h"

namespace trivet::store {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".tar.zst";
constexpr std::string_view kComing = ".coming";  // what is being written

Error failed(const std::string& what, const std::error_code& ec) {
  return {ErrorCode::kIo, what + ": " + ec.message(), "--store names the folder"};
}

// What is renamed after this is whole also when the machine loses its power.
Status to_disk(const fs::path& file) {
  os::Fd fd{::open(file.c_str(), O_RDONLY | O_CLOEXEC)};
  if (fd && fsync(fd.get()) == 0) return {};
  return io_error("cannot write " + file.string(), errno);
}

}  // namespace

fs::path FolderStore::place(const std::string& key) const {
  return dir_ / (key + std::string{kSuffix});
}

Status FolderStore::fetch(const std::string& key, const fs::path& file) {
  std::error_code ec;
  fs::copy_file(place(key), file, fs::copy_options::overwrite_existing, ec);
  if (!ec) return {};
  if (ec == std::errc::no_such_file_or_directory)
    return Error{ErrorCode::kNotFound, dir_.string() + " has no " + key};
  return failed("cannot copy " + place(key).string(), ec);
}

Status FolderStore::put(const fs::path& file, const std::string& key) {
  std::error_code ec, none;
  fs::create_directories(dir_, ec);
  if (ec) return failed("cannot make " + dir_.string(), ec);
  fs::path coming = dir_ / (key + "." + new_token().substr(0, 16) + std::string{kComing});
  fs::copy_file(file, coming, ec);
  Status written = ec ? Status{failed("cannot write " + coming.string(), ec)} : to_disk(coming);
  if (written) {
    fs::permissions(coming,
                    fs::perms::owner_read | fs::perms::owner_write | fs::perms::group_read |
                        fs::perms::others_read,
                    none);
    fs::rename(coming, place(key), ec);
    if (ec) written = failed("cannot keep " + place(key).string(), ec);
  }
  if (!written) fs::remove(coming, none);
  return written;
}

Result<bool> FolderStore::has(const std::string& key) {
  std::error_code ec;
  bool found = fs::is_regular_file(place(key), ec);
  if (found || ec == std::errc::no_such_file_or_directory || !ec) return found;
  return failed("cannot look at " + place(key).string(), ec);
}

Result<StoredAmount> FolderStore::amount() {
  StoredAmount out;
  std::error_code ec, gone;
  for (const auto& entry : fs::directory_iterator(dir_, ec)) {
    if (!entry.path().filename().string().ends_with(kSuffix)) continue;
    auto size = entry.file_size(gone);
    if (gone) continue;
    ++out.objects;
    out.bytes += size;
  }
  if (ec && ec != std::errc::no_such_file_or_directory)
    return failed("cannot list " + dir_.string(), ec);
  return out;
}

Result<uint64_t> FolderStore::drop_unfinished(Duration age) {
  uint64_t dropped = 0;
  std::error_code ec, gone;
  for (const auto& entry : fs::directory_iterator(dir_, ec)) {
    auto written = entry.last_write_time(gone);
    if (gone || !entry.path().filename().string().ends_with(kComing)) continue;
    if (fs::file_time_type::clock::now() - written >= age)
      dropped += fs::remove(entry.path(), gone);
  }
  return dropped;
}

}  // namespace trivet::store
