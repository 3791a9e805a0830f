#include "vault/key.h"

#include <sodium.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "vault/files.h"

namespace trivet::vault {
namespace {

namespace fs = std::filesystem;

constexpr size_t kFileMost = 4096;
constexpr mode_t kForbidden = 0037;  // a group may read it, no more

}  // namespace

Key::~Key() { sodium_memzero(bytes_.data(), bytes_.size()); }

Result<Key> parse_key(std::string_view text) {
  std::array<unsigned char, kKeyBytes> bytes;
  if (text.size() == kKeyBytes) {
    std::copy(text.begin(), text.end(), bytes.begin());
    return Key{bytes};
  }
  constexpr std::string_view kBlank = " \t\r\n";
  size_t begin = std::min(text.find_first_not_of(kBlank), text.size());
  text = text.substr(begin, text.find_last_not_of(kBlank) + 1 - begin);
  size_t length = 0;
  bool right = text.size() == 2 * kKeyBytes &&
               sodium_hex2bin(bytes.data(), bytes.size(), text.data(), text.size(), nullptr,
                              &length, nullptr) == 0 &&
               length == kKeyBytes;
  if (right) return Key{bytes};
  return Error{ErrorCode::kInvalidInput, "this is no key: a key is 64 hex digits, or 32 bytes",
               "make one: head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \\n'"};
}

KeyPlace key_place(const fs::path& dir, const std::string& named, const char* credentials_dir) {
  if (!named.empty()) return {named, false};
  if (credentials_dir && *credentials_dir) {
    fs::path credential = fs::path{credentials_dir} / "trivet-secrets-key";
    std::error_code ec;
    if (fs::exists(credential, ec)) return {credential, false};
  }
  return {dir / "secrets.key", true};
}

Result<std::optional<Key>> read_key(const KeyPlace& place) {
  auto text = read_file(place.file, kFileMost);
  if (!text) return std::move(text).error();
  if (!*text && place.is_ours) return std::optional<Key>{};
  if (!*text)
    return Error{ErrorCode::kIo, "the key of the secrets, " + place.file.string() + ", is missing",
                 "put it there, or name another with --secrets-key"};
  struct stat found {};
  if (stat(place.file.c_str(), &found) == 0 && (found.st_mode & kForbidden) != 0)
    return Error{ErrorCode::kInvalidInput,
                 "others may read or change the key of the secrets, " + place.file.string(),
                 "chmod 600 " + place.file.string()};
  auto key = parse_key(**text);
  sodium_memzero((*text)->data(), (*text)->size());
  if (key) return std::optional<Key>{*key};
  Error error = std::move(key).error();
  error.message = place.file.string() + ": " + error.message;
  return error;
}

Result<Key> make_key(const KeyPlace& place) {
  std::array<unsigned char, kKeyBytes> bytes;
  randombytes_buf(bytes.data(), bytes.size());
  std::string text = to_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()}) + "\n";
  Key key{bytes};
  sodium_memzero(bytes.data(), bytes.size());
  if (Status made = replace_file(place.file, text); !made) return std::move(made).error();
  return key;
}

}  // namespace trivet::vault
