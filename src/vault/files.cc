#include "vault/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace trivet::vault {
namespace {

namespace fs = std::filesystem;

Error failed(const char* what, const fs::path& file) {
  return io_error(std::string{what} + " " + file.string(), errno);
}

Status write_all(int fd, std::string_view bytes, const fs::path& file) {
  while (!bytes.empty()) {
    ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed("cannot write", file);
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return {};
}

// Root may write into the folder of a service that is not root, which must be able to read it.
void give_to_owner(int fd, const fs::path& dir) {
  struct stat owner {};
  if (geteuid() != 0 || stat(dir.c_str(), &owner) != 0) return;
  if (fchown(fd, owner.st_uid, owner.st_gid) != 0) return;  // then root's own reading must do
}

Status sync_folder(const fs::path& dir) {
  os::Fd fd{open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!fd || fsync(fd.get()) != 0) return failed("cannot sync", dir);
  return {};
}

}  // namespace

Result<std::optional<std::string>> read_file(const fs::path& file, size_t most) {
  os::Fd fd{open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (!fd && errno == ENOENT) return std::optional<std::string>{};
  struct stat found {};
  if (!fd || fstat(fd.get(), &found) != 0) return failed("cannot read", file);
  if (!S_ISREG(found.st_mode)) return Error{ErrorCode::kIo, file.string() + " is not a file"};
  std::string bytes;
  for (char piece[16384];;) {
    ssize_t count = ::read(fd.get(), piece, sizeof piece);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed("cannot read", file);
    if (count == 0) return std::optional<std::string>{std::move(bytes)};
    bytes.append(piece, static_cast<size_t>(count));
    if (bytes.size() > most)
      return Error{ErrorCode::kIo,
                   file.string() + " is larger than " + std::to_string(most) + " bytes"};
  }
}

Status replace_file(const fs::path& file, std::string_view bytes) {
  std::string making = file.string() + ".XXXXXX";
  os::Fd fd{mkostemp(making.data(), O_CLOEXEC)};  // mode 0600
  if (!fd) return failed("cannot make", making);
  give_to_owner(fd.get(), file.parent_path());
  Status written = write_all(fd.get(), bytes, file);
  if (written && fsync(fd.get()) != 0) written = failed("cannot write", file);
  if (written && rename(making.c_str(), file.c_str()) != 0)
    written = failed("cannot replace", file);
  if (!written) {
    unlink(making.c_str());
    return written;
  }
  return sync_folder(file.parent_path());
}

Result<FolderLock> FolderLock::take(const fs::path& dir) {
  std::error_code ec;
  fs::create_directories(dir.parent_path(), ec);
  if (mkdir(dir.c_str(), 0700) == 0) {
    os::Fd made{open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (made) give_to_owner(made.get(), dir.parent_path());
  } else if (errno != EEXIST) {
    return failed("cannot make", dir);
  }
  os::Fd fd{open((dir / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  if (!fd) return failed("cannot open", dir / "lock");
  give_to_owner(fd.get(), dir);
  while (flock(fd.get(), LOCK_EX) != 0)
    if (errno != EINTR) return failed("cannot lock", dir);
  return FolderLock{std::move(fd)};
}

std::string stamp_of(const fs::path& file) {
  struct stat found {};
  if (stat(file.c_str(), &found) != 0) return {};
  return std::to_string(found.st_ino) + "/" + std::to_string(found.st_mtim.tv_sec) + "." +
         std::to_string(found.st_mtim.tv_nsec) + "/" + std::to_string(found.st_size);
}

}  // namespace trivet::vault
