#pragma once
// The mount calls of Linux 5.2 and later, which work on descriptors instead of paths: what is
// mounted where cannot be raced by a symbolic link. Each returns a descriptor or 0, or -1 with
// errno. Raw system calls with our own names for the constants: the C library's headers differ.

#include <cstdint>
#include <string>

#include "os/fd.h"

namespace trivet::sandbox {

// A copy of the mounts at `path`, with all below it, attached to nothing yet.
os::Fd copy_mount(int dir, const char* path);
// Its files are read-only (unless writable), without set-user-id and device meaning. `ids`: a user
// namespace whose map says who the owners of the files are here; -1: as they are.
int restrict_mount(int mount, bool writable, int ids);
// Only the mount itself, not what is mounted below it.
int make_read_only(const char* path);
int attach_mount(int mount, const char* target);
// A new file system; `options` are "key=value" pairs, comma-separated; a bare word is a flag.
os::Fd new_mount(const char* type, const std::string& options, unsigned attributes);
// Of what is mounted at `path`: sets one option.
int change_mount(const char* path, const char* key, const std::string& value);

inline constexpr unsigned kReadOnly = 1, kNoSuid = 2, kNoDevices = 4, kNoExec = 8;

// mkdir -p; false with errno.
bool make_folders(const std::string& path);
// An empty file to mount a file on, with its folders; false with errno.
bool make_file(const std::string& path);

}  // namespace trivet::sandbox
