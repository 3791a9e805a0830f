#pragma once
// Archives: a folder as one .tar.zst, and any usual archive as a folder.
//
// What pack() writes depends only on what is in the folder: entries in order of name, one time for
// all, no owners, modes 0644 and 0755. What unpack() makes is files, folders and links inside the
// folder it was given, whatever the archive says: who made it need not be trusted. libarchive reads
// and writes the formats; it is loaded at the first use. Both may take long, and belong on blocking
// threads or in a process of their own.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "base/limits.h"
#include "base/result.h"

namespace trivet::store {

struct UnpackLimits {
  uint64_t entries = limits::kArchiveEntries;
  uint64_t bytes = limits::kBuildSizeDefault;  // of all files, unpacked
  size_t path = limits::kArchivePath;          // bytes of an entry's path, and of a link's target
};

struct Unpacked {
  uint64_t entries = 0;
  uint64_t bytes = 0;
};

// tar, tar.gz, tar.zst, tar.xz or zip, told by its bytes, into the folder `into`, which must be
// empty. Files get 0644 or, when the archive says that any may run them, 0755; folders 0755; all
// the time of unpacking. kInvalidInput with the entry's name, and what was unpacked is left for the
// caller to remove, when
// - the file is no such archive, or damaged
// - a path is absolute, has `..` in it, or goes through a link; a link leads out of the folder
// - an entry is a device, a fifo or a socket, or a hard link to what is not in the archive before
// it kPayloadTooLarge when it is over a limit, kIo when something cannot be read or written,
// kUnavailable without libarchive.
Result<Unpacked> unpack(const std::filesystem::path& archive, const std::filesystem::path& into,
                        const UnpackLimits& limits = {});

// `dir` as a new file `archive`. What `leaves_out` says yes to, by its path below `dir`, is not in
// it. kInvalidInput with the name of what unpack() would not take back; kIo.
Status pack(const std::filesystem::path& dir, const std::filesystem::path& archive,
            const std::function<bool(const std::string& path)>& leaves_out = {});

// Whether a link at `path` of a folder stays in it: its target is relative, begins with no more
// `..` than lead to the top, and has none further on, where a folder's parent may be elsewhere.
bool stays_inside(std::string_view path, std::string_view target);

}  // namespace trivet::store
