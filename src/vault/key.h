#pragma once
// The key that secrets are encrypted with: 32 bytes, in a file of its own.

#include <array>
#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"

namespace trivet::vault {

inline constexpr size_t kKeyBytes = 32;

// Wiped from memory when it is destroyed.
class Key {
 public:
  explicit Key(const std::array<unsigned char, kKeyBytes>& bytes) : bytes_(bytes) {}
  ~Key();
  Key(const Key&) = default;
  Key& operator=(const Key&) = default;
  const unsigned char* data() const { return bytes_.data(); }

 private:
  std::array<unsigned char, kKeyBytes> bytes_;
};

// What a key file holds: 64 hex digits, white space around them ignored, or 32 bytes as they are.
// Pure. kInvalidInput.
Result<Key> parse_key(std::string_view text);

// Where the key is: the file that the operator named, else the service manager's credential
// trivet-secrets-key (CREDENTIALS_DIRECTORY), else "secrets.key" in the folder.
struct KeyPlace {
  std::filesystem::path file;
  bool is_ours = false;  // in the folder: made when it is first needed
};
KeyPlace key_place(const std::filesystem::path& dir, const std::string& named,
                   const char* credentials_dir);

// Nothing when there is none at a place that is ours. kIo; kInvalidInput when it is no key, or when
// others may read it.
Result<std::optional<Key>> read_key(const KeyPlace& place);
// Makes one. The folder is locked by the caller.
Result<Key> make_key(const KeyPlace& place);

}  // namespace trivet::vault
