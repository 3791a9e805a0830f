#pragma once
// The content of a folder as one hash: the key under which what was built from it is kept.

#include <filesystem>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/result.h"

namespace trivet::store {

// Accumulates named parts; the digest depends on their order, names and bytes. SHA-256: hosts share
// artifacts under these keys, so nobody may find two inputs with one key.
class ContentHash {
 public:
  void add(std::string_view name, std::string_view bytes);
  // More of one stream of bytes; how they are cut does not matter.
  void add_bytes(std::string_view bytes) { sum_.add(bytes); }
  // Every regular file below `dir` whose relative path matches a glob (all when there are none), in
  // order of name. What is nobody's source (wire::is_no_source: hidden, fetched, cached, an
  // editor's) is left out, as it is from a function's version, unless a glob is its name. kIo with
  // the path when a file cannot be read.
  Status add_tree(const std::filesystem::path& dir, const std::vector<std::string>& globs);
  Status add_file(const std::filesystem::path& file);
  std::string hex() const { return to_hex(bytes_of(sum_.digest())); }  // 64 digits

 private:
  Sha256 sum_;
};

}  // namespace trivet::store
