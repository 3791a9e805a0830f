#include "vault/sealed.h"

#include <sodium.h>

#include <algorithm>

#include "wire/text.h"

namespace trivet::vault {
namespace {

constexpr std::string_view kMagic{"TRIVETS\x01", 8};
constexpr size_t kKeyId = 16, kMac = crypto_generichash_BYTES;
constexpr size_t kNonce = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr size_t kTag = crypto_aead_xchacha20poly1305_ietf_ABYTES;
static_assert(kMac == 32 && kNonce == 24 && kTag == 16);

const unsigned char* raw(std::string_view s) {
  return reinterpret_cast<const unsigned char*>(s.data());
}
unsigned char* raw(std::string& s) { return reinterpret_cast<unsigned char*>(s.data()); }

void put(std::string& out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

// Takes from the front; once something is missing it takes nothing more.
class Taker {
 public:
  explicit Taker(std::string_view bytes) : left_(bytes) {}
  std::string_view bytes(size_t count) {
    if (count > left_.size()) failed_ = true;
    if (failed_) return {};
    std::string_view out = left_.substr(0, count);
    left_.remove_prefix(count);
    return out;
  }
  uint64_t number(int count) {
    uint64_t value = 0;
    std::string_view from = bytes(static_cast<size_t>(count));
    for (size_t i = 0; i < from.size(); ++i)
      value |= static_cast<uint64_t>(static_cast<unsigned char>(from[i])) << (8 * i);
    return value;
  }
  bool failed() const { return failed_; }
  size_t left() const { return left_.size(); }

 private:
  std::string_view left_;
  bool failed_ = false;
};

Error damaged(std::string what) { return {ErrorCode::kInvalidInput, std::move(what)}; }

std::string keyed_hash(std::string_view bytes, size_t length, const Key& key) {
  std::string out(length, '\0');
  crypto_generichash(raw(out), out.size(), raw(bytes), bytes.size(), key.data(), kKeyBytes);
  return out;
}

std::string id_of(const Key& key) { return keyed_hash("trivet secrets key id", kKeyId, key); }
// The cipher and the hash must not share a key.
Key mac_key(const Key& key) {
  std::string bytes = keyed_hash("trivet secrets file hash", kKeyBytes, key);
  std::array<unsigned char, kKeyBytes> out;
  std::copy_n(raw(std::string_view{bytes}), kKeyBytes, out.begin());
  sodium_memzero(bytes.data(), bytes.size());
  return Key{out};
}

std::string bound_to(const SecretName& name, int64_t updated_ms) {
  std::string out{"trivet secret 1"};
  out.push_back('\0');
  out.append(name.first).push_back('\0');
  out.append(name.second).push_back('\0');
  put(out, static_cast<uint64_t>(updated_ms), 8);
  return out;
}

// All but the hash.
std::string signed_part(const SealedFile& file) {
  std::string out{kMagic};
  out += file.key_id;
  put(out, file.secrets.size(), 4);
  for (const auto& [name, sealed] : file.secrets) {
    put(out, name.first.size(), 2);
    out += name.first;
    put(out, name.second.size(), 2);
    out += name.second;
    put(out, static_cast<uint64_t>(sealed.updated_ms), 8);
    put(out, sealed.box.size(), 4);
    out += sealed.box;
  }
  return out;
}

}  // namespace

bool is_secret_name(std::string_view name) {
  auto letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; };
  return !name.empty() && name.size() <= kNameMost && letter(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

Result<SealedFile> parse_file(std::string_view bytes) {
  if (bytes.size() > kFileMost) return damaged("it is too large");
  Taker from{bytes};
  std::string_view magic = from.bytes(kMagic.size());
  if (magic.substr(0, 7) != kMagic.substr(0, 7)) return damaged("it is no file of secrets");
  if (magic != kMagic) return damaged("it was written by another version of trivet");
  SealedFile file;
  file.key_id = from.bytes(kKeyId);
  uint64_t count = from.number(4);
  if (count > kSecretsMost) return damaged("it has too many secrets");
  for (uint64_t i = 0; i < count && !from.failed(); ++i) {
    std::string function{from.bytes(from.number(2))};
    std::string called{from.bytes(from.number(2))};
    Sealed sealed;
    sealed.updated_ms = static_cast<int64_t>(from.number(8));
    sealed.box = from.bytes(from.number(4));
    if (from.failed()) break;
    SecretName name{std::move(function), std::move(called)};
    bool right =
        is_secret_name(name.second) && (name.first.empty() || wire::is_function_name(name.first)) &&
        sealed.box.size() >= kNonce + kTag && sealed.box.size() <= kNonce + kTag + kValueMost &&
        (file.secrets.empty() || file.secrets.rbegin()->first < name);
    if (!right) return damaged("an entry is malformed");
    file.secrets.emplace_hint(file.secrets.end(), std::move(name), std::move(sealed));
  }
  file.mac = from.bytes(kMac);
  if (from.failed()) return damaged("it is cut short");
  if (from.left() > 0) return damaged("something follows its end");
  return file;
}

std::string format_file(const SealedFile& file) { return signed_part(file) + file.mac; }

Status check_file(std::string_view bytes, const SealedFile& file, const Key& key) {
  if (!sodium_memcmp(file.key_id.data(), id_of(key).data(), kKeyId)) {
    std::string mac = keyed_hash(bytes.substr(0, bytes.size() - kMac), kMac, mac_key(key));
    if (sodium_memcmp(mac.data(), file.mac.data(), kMac) == 0) return {};
    return damaged("it is damaged: its hash is another");
  }
  return damaged("it was written with another key");
}

void sign_file(SealedFile& file, const Key& key) {
  file.key_id = id_of(key);
  file.mac = keyed_hash(signed_part(file), kMac, mac_key(key));
}

Sealed seal(const SecretName& name, std::string_view value, int64_t updated_ms, const Key& key) {
  Sealed out;
  out.updated_ms = updated_ms;
  out.box.resize(kNonce + value.size() + kTag);
  randombytes_buf(out.box.data(), kNonce);
  std::string about = bound_to(name, updated_ms);
  crypto_aead_xchacha20poly1305_ietf_encrypt(
      raw(out.box) + kNonce, nullptr, raw(value), value.size(), raw(std::string_view{about}),
      about.size(), nullptr, raw(std::string_view{out.box}), key.data());
  return out;
}

Result<std::string> unseal(const SecretName& name, const Sealed& sealed, const Key& key) {
  std::string_view box = sealed.box;
  if (box.size() < kNonce + kTag) return damaged("a value is cut short");
  std::string value(box.size() - kNonce - kTag, '\0');
  std::string about = bound_to(name, sealed.updated_ms);
  int wrong = crypto_aead_xchacha20poly1305_ietf_decrypt(
      raw(value), nullptr, nullptr, raw(box) + kNonce, box.size() - kNonce,
      raw(std::string_view{about}), about.size(), raw(box), key.data());
  if (wrong == 0) return value;
  return damaged("the value of " + name.second + " is damaged");
}

}  // namespace trivet::vault
