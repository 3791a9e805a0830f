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

constexpr size_t kShownName = 200;  // bytes of a name in a message

// The names between the slashes, but for empty ones and `.`.
std::vector<std::string> names_of(std::string_view path) {
  std::vector<std::string> out;
  while (!path.empty()) {
    size_t end = std::min(path.find('/'), path.size());
    std::string_view name = path.substr(0, end);
    if (!name.empty() && name != ".") out.emplace_back(name);
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return out;
}

std::string joined(const std::vector<std::string>& names, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += (i ? "/" : "") + names[i];
  return out;
}

struct OpenFolder {
  std::string name;
  os::Fd fd;
};

// One archive on its way into a folder. Every name is opened below a descriptor of the folder that
// it is in, and no link is followed: what an earlier entry made cannot lead a later one out.
class Unpacking {
 public:
  Unpacking(const LibArchive& library, archive* from, const UnpackLimits& limits)
      : library_(library), from_(from), limits_(limits) {}

  Status open(const fs::path& into) {
    root_ = os::Fd{::open(into.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    return root_ ? Status{} : Status{io_error("cannot open " + into.string(), errno)};
  }
  Status take(archive_entry* entry);
  Unpacked done() const { return done_; }

 private:
  Error refused(const std::string& why) const {
    return {ErrorCode::kInvalidInput, "entry \"" + shown_ + "\" " + why};
  }
  Error failed(const char* what) const {
    return io_error("entry \"" + shown_ + "\": cannot " + what, errno);
  }
  Error too_much(const std::string& what) const {
    return {ErrorCode::kPayloadTooLarge, "entry \"" + shown_ + "\": the archive has " + what};
  }
  Result<std::vector<std::string>> checked(const char* path, const std::string& what) const;
  // The folder with the first `count` names, below the root; made when it is not there.
  Result<int> folder(const std::vector<std::string>& names, size_t count, bool may_make);
  Status make_way(int parent, const std::string& name) const;
  Status take_file(archive_entry* entry, int parent, const std::string& name);
  Status take_bytes(int to);
  Status take_link(archive_entry* entry, int parent, const std::vector<std::string>& names);
  Status take_hard_link(const char* target, int parent, const std::string& name);

  const LibArchive& library_;
  archive* from_;
  const UnpackLimits& limits_;
  Unpacked done_;
  std::string shown_;
  os::Fd root_;
  std::vector<OpenFolder> open_;  // from below the root to that of the entry before: most are near
};

Result<std::vector<std::string>> Unpacking::checked(const char* path,
                                                    const std::string& what) const {
  std::string_view text = path;
  if (text.size() > limits_.path)
    return too_much(what + " of more than " + std::to_string(limits_.path) + " bytes");
  if (text.starts_with('/')) return refused("has an absolute path: " + what);
  auto names = names_of(text);
  for (const auto& name : names)
    if (name == "..") return refused("has .. in " + what);
  if (names.size() > limits::kArchiveDepth)
    return too_much("more than " + std::to_string(limits::kArchiveDepth) +
                    " folders in each other");
  return names;
}

Result<int> Unpacking::folder(const std::vector<std::string>& names, size_t count, bool may_make) {
  size_t same = 0;
  while (same < std::min(count, open_.size()) && open_[same].name == names[same]) ++same;
  open_.erase(open_.begin() + static_cast<ptrdiff_t>(same), open_.end());
  while (open_.size() < count) {
    int parent = open_.empty() ? root_.get() : open_.back().fd.get();
    const std::string& name = names[open_.size()];
    auto try_it = [&] {
      return os::Fd{openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    };
    os::Fd next = try_it();
    if (!next && errno == ENOENT && may_make) {
      if (mkdirat(parent, name.c_str(), 0755) != 0) return failed("make its folder");
      next = try_it();
    }
    if (!next && (errno == ELOOP || errno == ENOTDIR))
      return refused("goes through \"" + name + "\", which is no folder of the archive");
    if (!next) return failed("open its folder");
    open_.push_back({name, std::move(next)});
  }
  return count == 0 ? root_.get() : open_.back().fd.get();
}

// An entry that comes twice is what it was last, as tar has it.
Status Unpacking::make_way(int parent, const std::string& name) const {
  if (unlinkat(parent, name.c_str(), 0) == 0 || errno == ENOENT) return {};
  if (errno == EISDIR || errno == EPERM) return refused("is a folder in an earlier entry");
  return failed("replace it");
}

Status Unpacking::take_bytes(int to) {
  std::array<char, 1 << 16> buffer;
  for (;;) {
    la_ssize_t n = library_.read_data(from_, buffer.data(), buffer.size());
    if (n == 0) return {};
    if (n < 0) return refused("is damaged: " + library_.reason(from_));
    done_.bytes += static_cast<uint64_t>(n);
    if (done_.bytes > limits_.bytes)
      return too_much("more than " + std::to_string(limits_.bytes) + " bytes");
    for (la_ssize_t at = 0; at < n;) {
      ssize_t put = write(to, buffer.data() + at, static_cast<size_t>(n - at));
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return failed("write it");
      at += put;
    }
  }
}

Status Unpacking::take_file(archive_entry* entry, int parent, const std::string& name) {
  int64_t size = library_.entry_size(entry);
  if (size > 0 && (static_cast<uint64_t>(size) > limits_.bytes ||
                   done_.bytes > limits_.bytes - static_cast<uint64_t>(size)))
    return too_much("more than " + std::to_string(limits_.bytes) + " bytes");
  if (Status way = make_way(parent, name); !way) return way;
  os::Fd to{
      openat(parent, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
  if (!to) return failed("make it");
  if (Status taken = take_bytes(to.get()); !taken) return taken;
  if (fchmod(to.get(), library_.entry_perm(entry) & 0111 ? 0755 : 0644) != 0)
    return failed("set its mode");
  return {};
}

Status Unpacking::take_link(archive_entry* entry, int parent,
                            const std::vector<std::string>& names) {
  const char* target = library_.entry_symlink(entry);
  if (!target || !*target) return refused("is a link to nowhere");
  if (std::string_view{target}.size() > limits_.path)
    return too_much("a link of more than " + std::to_string(limits_.path) + " bytes");
  if (!stays_inside(joined(names, names.size()), target))
    return refused("is a link that may lead out of the folder: " +
                   std::string{target}.substr(0, kShownName));
  if (Status way = make_way(parent, names.back()); !way) return way;
  return symlinkat(target, parent, names.back().c_str()) == 0 ? Status{}
                                                              : Status{failed("make the link")};
}

Status Unpacking::take_hard_link(const char* target, int parent, const std::string& name) {
  auto names = checked(target, "the target of a hard link");
  if (!names) return std::move(names).error();
  Error nowhere = refused("is a hard link to what is no file before it in the archive");
  if (names->empty()) return nowhere;
  os::Fd to{fcntl(parent, F_DUPFD_CLOEXEC, 0)};  // `parent` may be closed by the next line
  auto place = folder(*names, names->size() - 1, false);
  if (!place) return nowhere;
  struct stat found {};
  const char* last = names->back().c_str();
  if (fstatat(*place, last, &found, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(found.st_mode))
    return nowhere;
  struct stat there {};
  if (fstatat(to.get(), name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 &&
      there.st_ino == found.st_ino)
    return {};  // to itself
  if (Status way = make_way(to.get(), name); !way) return way;
  return linkat(*place, last, to.get(), name.c_str(), 0) == 0 ? Status{}
                                                              : Status{failed("make the link")};
}

Status Unpacking::take(archive_entry* entry) {
  const char* path = library_.entry_pathname(entry);
  shown_ = path ? std::string{path}.substr(0, kShownName)
                : "number " + std::to_string(done_.entries + 1);
  if (!path) return refused("has a name that is not UTF-8");
  if (++done_.entries > limits_.entries)
    return too_much("more than " + std::to_string(limits_.entries) + " entries");
  auto names = checked(path, "its path");
  if (!names) return std::move(names).error();
  const char* hard_link = library_.entry_hardlink(entry);
  auto type = library_.entry_filetype(entry);
  bool is_folder = type == AE_IFDIR && !hard_link;
  if (names->empty()) return is_folder ? Status{} : Status{refused("has no name")};
  auto parent = folder(*names, is_folder ? names->size() : names->size() - 1, true);
  if (!parent || is_folder) return parent ? Status{} : Status{std::move(parent).error()};
  if (hard_link) return take_hard_link(hard_link, *parent, names->back());
  if (type == AE_IFREG) return take_file(entry, *parent, names->back());
  if (type == AE_IFLNK) return take_link(entry, *parent, *names);
  return refused(type == AE_IFIFO    ? "is a fifo"
                 : type == AE_IFSOCK ? "is a socket"
                                     : "is a device, or something else that is no file");
}

Status take_all(const LibArchive& library, archive* from, Unpacking& unpacking) {
  for (;;) {
    archive_entry* entry = nullptr;
    int result = library.read_next_header(from, &entry);
    if (result == ARCHIVE_EOF) return {};
    if (result == ARCHIVE_RETRY) continue;
    if (result < ARCHIVE_WARN) return Error{ErrorCode::kInvalidInput, library.reason(from)};
    if (Status taken = unpacking.take(entry); !taken) return taken;
  }
}

}  // namespace

bool stays_inside(std::string_view path, std::string_view target) {
  if (target.empty() || target.starts_with('/')) return false;
  auto above = names_of(path).size();  // with its own name
  bool is_going_up = true;
  size_t ups = 0;
  for (const auto& name : names_of(target)) {
    if (name != "..") {
      is_going_up = false;
    } else if (!is_going_up || ++ups >= above) {
      return false;
    }
  }
  return true;
}

Result<Unpacked> unpack(const fs::path& file, const fs::path& into, const UnpackLimits& limits) {
  auto loaded = LibArchive::load();
  if (!loaded) return std::move(loaded).error();
  const LibArchive& library = **loaded;
  Utf8Names utf8;
  std::unique_ptr<archive, decltype(library.read_free)> from{library.read_new(), library.read_free};
  for (auto support : {library.read_support_filter_gzip, library.read_support_filter_xz,
                       library.read_support_filter_zstd, library.read_support_format_tar,
                       library.read_support_format_zip})
    if (support(from.get()) != ARCHIVE_OK)  // else it would start a program for it
      return Error{ErrorCode::kUnavailable,
                   "libarchive lacks a format: " + library.reason(from.get()),
                   "apt-get install libarchive13"};
  constexpr size_t kBlock = 1 << 16;
  auto damaged = [&file](Error error) {
    error.message = file.filename().string() + ": " + error.message;
    return error;
  };
  if (os::Fd there{::open(file.c_str(), O_RDONLY | O_CLOEXEC)}; !there)
    return io_error("cannot read " + file.string(), errno);
  if (library.read_open_filename(from.get(), file.c_str(), kBlock) != ARCHIVE_OK)
    return damaged({ErrorCode::kInvalidInput, library.reason(from.get())});
  Unpacking unpacking{library, from.get(), limits};
  if (Status opened = unpacking.open(into); !opened) return std::move(opened).error();
  if (Status taken = take_all(library, from.get(), unpacking); !taken)
    return damaged(std::move(taken).error());
  return unpacking.done();
}

}  // namespace trivet::store
