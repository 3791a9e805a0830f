#include "base/ids.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace trivet {
namespace {

constexpr char kHex[] = "0123456789abcdef";

void fill_random(unsigned char* bytes, size_t count) {
  if (getrandom(bytes, count, 0) != static_cast<ssize_t>(count))
    std::abort();  // count <= 256: never short
}

// A call id needs 10 random bytes; a system call for each would cost as much as the rest of it.
void cheap_random(unsigned char* bytes, size_t count) {
  thread_local std::array<unsigned char, 240> pool;
  thread_local size_t used = pool.size();
  if (used + count > pool.size()) {
    fill_random(pool.data(), pool.size());
    used = 0;
  }
  std::copy_n(pool.data() + used, count, bytes);
  used += count;
}

}  // namespace

std::string new_call_id(int64_t unix_ms) {
  unsigned char b[16];
  for (int i = 0; i < 6; ++i) b[i] = static_cast<unsigned char>(unix_ms >> (40 - 8 * i));
  cheap_random(b + 6, 10);
  b[6] = static_cast<unsigned char>((b[6] & 0x0F) | 0x70);
  b[8] = static_cast<unsigned char>((b[8] & 0x3F) | 0x80);
  std::string out(36, '-');
  size_t at = 0;
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) ++at;
    out[at++] = kHex[b[i] >> 4];
    out[at++] = kHex[b[i] & 15];
  }
  return out;
}

bool is_call_id(std::string_view text) {
  if (text.empty() || text.size() > 64) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

std::string new_token() {
  unsigned char b[32];
  fill_random(b, sizeof b);
  std::string out;
  for (unsigned char c : b) {
    out.push_back(kHex[c >> 4]);
    out.push_back(kHex[c & 15]);
  }
  return out;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (size_t i = 0; i < a.size(); ++i)
    difference |= static_cast<unsigned char>(a[i]) ^
                  static_cast<unsigned char>(b.empty() ? 0 : b[i % b.size()]);
  return difference == 0;
}

}  // namespace trivet
