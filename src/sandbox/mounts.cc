#include "sandbox/mounts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace trivet::sandbox {
namespace {

// linux/mount.h
constexpr unsigned kOpenTreeClone = 1, kOpenTreeCloexec = O_CLOEXEC;
constexpr unsigned kMoveEmptyPath = 4;
constexpr unsigned kFsopenCloexec = 1, kFsmountCloexec = 1, kFspickCloexec = 1;
constexpr unsigned kSetFlag = 0, kSetString = 1, kCreate = 6, kReconfigure = 7;
constexpr uint64_t kAttributeIds = 0x00100000;
constexpr unsigned kRecursive = 0x8000;  // AT_RECURSIVE
struct Attributes {
  uint64_t set = 0, clear = 0, propagation = 0, user_namespace = 0;
};
constexpr int kEmptyPath = AT_EMPTY_PATH;

long call(long number, long a, const void* b, long c, const void* d = nullptr, long e = 0) {
  return syscall(number, a, b, c, d, e);
}

int config(int fs, unsigned command, const char* key, const char* value) {
  return static_cast<int>(syscall(SYS_fsconfig, fs, command, key, value, 0));
}

}  // namespace

os::Fd copy_mount(int dir, const char* path) {
  unsigned flags = kOpenTreeClone | kOpenTreeCloexec | kRecursive;
  return os::Fd{static_cast<int>(call(SYS_open_tree, dir, path, flags))};
}

int restrict_mount(int mount, bool writable, int ids) {
  Attributes attributes;
  attributes.set = kNoSuid | kNoDevices | (writable ? 0 : kReadOnly);
  int done = static_cast<int>(syscall(SYS_mount_setattr, mount, "", kEmptyPath | kRecursive,
                                      &attributes, sizeof attributes));
  if (done != 0 || ids < 0) return done;
  Attributes owners;
  owners.set = kAttributeIds;
  owners.user_namespace = static_cast<uint64_t>(ids);
  return static_cast<int>(
      syscall(SYS_mount_setattr, mount, "", kEmptyPath, &owners, sizeof owners));
}

int make_read_only(const char* path) {
  Attributes attributes;
  attributes.set = kReadOnly;
  return static_cast<int>(
      syscall(SYS_mount_setattr, AT_FDCWD, path, 0, &attributes, sizeof attributes));
}

int attach_mount(int mount, const char* target) {
  return static_cast<int>(syscall(SYS_move_mount, mount, "", AT_FDCWD, target, kMoveEmptyPath));
}

os::Fd new_mount(const char* type, const std::string& options, unsigned attributes) {
  os::Fd fs{static_cast<int>(syscall(SYS_fsopen, type, kFsopenCloexec))};
  if (!fs) return {};
  size_t at = 0;
  while (at < options.size()) {
    size_t end = std::min(options.find(',', at), options.size());
    std::string option = options.substr(at, end - at);
    size_t equals = option.find('=');
    int done = equals == std::string::npos
                   ? config(fs.get(), kSetFlag, option.c_str(), nullptr)
                   : config(fs.get(), kSetString, option.substr(0, equals).c_str(),
                            option.substr(equals + 1).c_str());
    if (done != 0) return {};
    at = end + 1;
  }
  if (config(fs.get(), kCreate, nullptr, nullptr) != 0) return {};
  return os::Fd{static_cast<int>(syscall(SYS_fsmount, fs.get(), kFsmountCloexec, attributes))};
}

int change_mount(const char* path, const char* key, const std::string& value) {
  os::Fd fs{static_cast<int>(syscall(SYS_fspick, AT_FDCWD, path, kFspickCloexec))};
  if (!fs) return -1;
  if (config(fs.get(), kSetString, key, value.c_str()) != 0) return -1;
  return config(fs.get(), kReconfigure, nullptr, nullptr);
}

bool make_folders(const std::string& path) {
  for (size_t at = 1; at != std::string::npos && at < path.size();) {
    at = path.find('/', at);
    std::string part = path.substr(0, at);
    if (mkdir(part.c_str(), 0755) != 0 && errno != EEXIST) return false;
    if (at != std::string::npos) ++at;
  }
  return true;
}

bool make_file(const std::string& path) {
  if (!make_folders(path.substr(0, path.rfind('/')))) return false;
  os::Fd made{open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644)};
  return static_cast<bool>(made);
}

}  // namespace trivet::sandbox
