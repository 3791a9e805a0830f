#pragma once
// Parcel: an artifact as one file that can travel.
//
// It is a .tar.zst of the artifact's files, with a frame at its end that programs for zstd skip:
//
//   50 2a 4d 18, size (4)   of a skippable frame, little-endian like the other numbers
//   text                    "contents HASH", then the links into other artifacts (contents.h)
//   sum (32)                SHA-256 of everything before it
//   size of the text (4), "TRVP"
//
// The same artifact makes the same parcel, byte for byte. All read and write files: for blocking
// threads, or a process of its own.

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/contents.h"

namespace trivet::store {

// What is said at the end of a parcel.
struct Label {
  std::string contents;  // Contents::hash() of what is in it
  Contents links;        // those that lead into the artifacts that it needs
  bool operator==(const Label&) const = default;
};

std::string to_text(const Label& label);
// kInvalidInput when it is no whole one, or has links that lead anywhere else.
Result<Label> read_label(std::string_view text);

// From the artifact (the folder with `files` and `contents`) into a new file. kInvalidInput when it
// has what cannot be packed, kIo.
Status make_parcel(const std::filesystem::path& artifact, const std::filesystem::path& file);
// Its label, once the sum is that of its bytes. kInvalidInput when it was changed or cut; kIo.
Result<Label> check_parcel(const std::filesystem::path& file);
// What is in a checked parcel, into an empty folder; that it is what the label says is for the
// caller to see. kInvalidInput, kPayloadTooLarge, kIo and kUnavailable as unpack().
Status open_parcel(const std::filesystem::path& file, const Label& label,
                   const std::filesystem::path& into, uint64_t max_bytes);

}  // namespace trivet::store
