#pragma once
// SHA-256 and HMAC-SHA256, for what must not be confusable by whoever can choose the bytes. Pure.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace trivet {

using Digest = std::array<unsigned char, 32>;

// Of bytes that come in pieces.
class Sha256 {
 public:
  Sha256();
  void add(std::string_view bytes);
  // Of all that was added so far; more may be added afterwards.
  Digest digest() const;

 private:
  alignas(8) std::array<unsigned char, 128> state_;  // of the library
};

Digest sha256(std::string_view bytes);
Digest hmac_sha256(std::string_view key, std::string_view bytes);
inline std::string_view bytes_of(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}
// Two lower-case digits for each byte.
std::string to_hex(std::string_view bytes);

}  // namespace trivet
