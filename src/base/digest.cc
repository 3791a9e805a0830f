#include "base/digest.h"

#include <sodium.h>

#include <cstring>

namespace trivet {
namespace {

const unsigned char* pointer(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

}  // namespace

Sha256::Sha256() {
  static_assert(sizeof(crypto_hash_sha256_state) <= sizeof state_);
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  std::memcpy(state_.data(), &state, sizeof state);
}

void Sha256::add(std::string_view bytes) {
  crypto_hash_sha256_update(reinterpret_cast<crypto_hash_sha256_state*>(state_.data()),
                            pointer(bytes), bytes.size());
}

Digest Sha256::digest() const {
  crypto_hash_sha256_state state;
  std::memcpy(&state, state_.data(), sizeof state);
  Digest out;
  crypto_hash_sha256_final(&state, out.data());
  return out;
}

Digest sha256(std::string_view bytes) {
  Sha256 sum;
  sum.add(bytes);
  return sum.digest();
}

Digest hmac_sha256(std::string_view key, std::string_view bytes) {
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, pointer(key), key.size());
  crypto_auth_hmacsha256_update(&state, pointer(bytes), bytes.size());
  Digest out;
  crypto_auth_hmacsha256_final(&state, out.data());
  return out;
}

std::string to_hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (unsigned char c : bytes) out += {kDigits[c >> 4], kDigits[c & 15]};
  return out;
}

}  // namespace trivet
