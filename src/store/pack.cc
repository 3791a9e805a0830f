#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <vector>

#include "os/fd.h"
#include "store/archive.h"
#include "store/libarchive.h"

namespace trivet::store {
namespace {

namespace fs = std::filesystem;

// 1980-02-01: the first month that zip archives, which some programs make of files, can say.
constexpr time_t kTimeOfAll = 318'211'200;

class Packing {
 public:
  Packing(const LibArchive& library, archive* to, const fs::path& dir)
      : library_(library), to_(to), dir_(dir), entry_(library.entry_new(), library.entry_free) {}

  Status put(const std::string& path) {
    struct stat found {};
    fs::path place = dir_ / path;
    if (lstat(place.c_str(), &found) != 0)
      return io_error("cannot look at " + place.string(), errno);
    archive_entry* entry = entry_.get();
    library_.entry_clear(entry);
    library_.entry_copy_pathname(entry, path.c_str());
    library_.entry_set_mtime(entry, kTimeOfAll, 0);
    library_.entry_set_perm(entry, S_ISREG(found.st_mode) && !(found.st_mode & 0111) ? 0644 : 0755);
    library_.entry_set_size(entry, 0);
    if (S_ISREG(found.st_mode)) return put_file(place, static_cast<uint64_t>(found.st_size));
    if (S_ISLNK(found.st_mode)) return put_link(place, path);
    if (!S_ISDIR(found.st_mode))
      return Error{ErrorCode::kInvalidInput, path + " is no file, folder or link"};
    library_.entry_set_filetype(entry, AE_IFDIR);
    return put_header(path);
  }

 private:
  Status put_header(const std::string& path) {
    if (library_.write_header(to_, entry_.get()) == ARCHIVE_OK) return {};
    return failed(path);
  }
  Error failed(const std::string& path) const {
    Error error{ErrorCode::kIo, "cannot pack " + path + ": " + library_.reason(to_)};
    if (library_.error_number(to_) == ENOSPC) error.hint = "make room (`trivet cache prune`)";
    return error;
  }
  Status put_link(const fs::path& place, const std::string& path) {
    std::error_code ec;
    std::string target = fs::read_symlink(place, ec).string();
    if (ec) return Error{ErrorCode::kIo, "cannot read " + place.string() + ": " + ec.message()};
    if (!stays_inside(path, target))
      return Error{ErrorCode::kInvalidInput, path + " is a link that may lead out: " + target};
    library_.entry_set_filetype(entry_.get(), AE_IFLNK);
    library_.entry_copy_symlink(entry_.get(), target.c_str());
    return put_header(path);
  }
  Status put_file(const fs::path& place, uint64_t size) {
    os::Fd in{open(place.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
    if (!in) return io_error("cannot read " + place.string(), errno);
    library_.entry_set_filetype(entry_.get(), AE_IFREG);
    library_.entry_set_size(entry_.get(), static_cast<int64_t>(size));
    if (Status put = put_header(place.string()); !put) return put;
    std::array<char, 1 << 16> buffer;
    while (size > 0) {
      ssize_t n = read(in.get(), buffer.data(), std::min<uint64_t>(buffer.size(), size));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return io_error("cannot read " + place.string(), errno);
      if (n == 0) return Error{ErrorCode::kIo, place.string() + " became smaller meanwhile"};
      if (library_.write_data(to_, buffer.data(), static_cast<size_t>(n)) != n)
        return failed(place.string());
      size -= static_cast<uint64_t>(n);
    }
    return {};
  }

  const LibArchive& library_;
  archive* to_;
  const fs::path& dir_;
  std::unique_ptr<archive_entry, decltype(&archive_entry_free)> entry_;
};

Result<std::vector<std::string>> paths_below(
    const fs::path& dir, const std::function<bool(const std::string&)>& leaves_out) {
  std::vector<std::string> paths;
  std::error_code ec;
  for (auto it = fs::recursive_directory_iterator(dir, ec);
       !ec && it != fs::recursive_directory_iterator{}; it.increment(ec)) {
    std::string path = it->path().lexically_relative(dir).string();
    if (!leaves_out || !leaves_out(path)) paths.push_back(std::move(path));
  }
  if (ec) return Error{ErrorCode::kIo, "cannot list " + dir.string() + ": " + ec.message()};
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace

Status pack(const fs::path& dir, const fs::path& file,
            const std::function<bool(const std::string& path)>& leaves_out) {
  auto loaded = LibArchive::load();
  if (!loaded) return std::move(loaded).error();
  const LibArchive& library = **loaded;
  Utf8Names utf8;
  auto paths = paths_below(dir, leaves_out);
  if (!paths) return std::move(paths).error();
  os::Fd out{open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
  if (!out) return io_error("cannot make " + file.string(), errno);
  std::unique_ptr<archive, decltype(library.write_free)> to{library.write_new(),
                                                            library.write_free};
  if (library.write_set_format_pax(to.get()) != ARCHIVE_OK ||
      library.write_add_filter_zstd(to.get()) != ARCHIVE_OK ||
      library.write_open_fd(to.get(), out.get()) != ARCHIVE_OK)
    return Error{ErrorCode::kUnavailable, "libarchive cannot write: " + library.reason(to.get())};
  Packing packing{library, to.get(), dir};
  for (const auto& path : *paths)
    if (Status put = packing.put(path); !put) return put;
  if (library.write_close(to.get()) != ARCHIVE_OK)
    return Error{ErrorCode::kIo, "cannot write " + file.string() + ": " + library.reason(to.get())};
  return {};
}

}  // namespace trivet::store
