#pragma once
// The file that secrets are kept in (docs/formats/secrets.md): names and times can be read by who
// can read the file, values only with the key. Pure.
//
// A value is sealed with XChaCha20-Poly1305, bound to its name, function and time, so that the file
// cannot be changed to hand one function the value of another. A keyed hash at the end covers the
// whole file: what is cut, changed or put together from two files is known as damaged.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "vault/key.h"

namespace trivet::vault {

inline constexpr size_t kSecretsMost = 10'000;
inline constexpr size_t kNameMost = 128;                 // bytes of a secret's name
inline constexpr size_t kValueMost = 64 * limits::kKiB;  // bytes of a secret's value
inline constexpr size_t kFileMost = 64 * limits::kMiB;

// Whose it is and what it is called; an empty function: of all.
using SecretName = std::pair<std::string, std::string>;

struct Sealed {
  int64_t updated_ms = 0;  // Unix milliseconds
  std::string box;         // the nonce, then the sealed value
  bool operator==(const Sealed&) const = default;
};

struct SealedFile {
  std::string key_id;  // 16 bytes: tells a wrong key from damage
  std::map<SecretName, Sealed> secrets;
  std::string mac;  // 32 bytes, over all that stands before
  bool operator==(const SealedFile&) const = default;
};

// [A-Za-z_][A-Za-z0-9_]*, at most kNameMost: the name of a variable.
bool is_secret_name(std::string_view name);

// The form of the file, not whether it is whole. kInvalidInput. What is accepted is written again
// byte for byte by format_file().
Result<SealedFile> parse_file(std::string_view bytes);
std::string format_file(const SealedFile& file);

// Checks key and hash. kInvalidInput: another key's, or damaged.
Status check_file(std::string_view bytes, const SealedFile& file, const Key& key);
// Fills in key_id and mac.
void sign_file(SealedFile& file, const Key& key);

Sealed seal(const SecretName& name, std::string_view value, int64_t updated_ms, const Key& key);
// kInvalidInput when it is not what was sealed under that name.
Result<std::string> unseal(const SecretName& name, const Sealed& sealed, const Key& key);

}  // namespace trivet::vault
