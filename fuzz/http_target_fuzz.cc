// links: wire
// Request targets, paths and their escapes: what passes cannot leave the folder it is resolved in,
// and decoding undoes escaping.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "wire/query.h"
#include "wire/text.h"

namespace {

using namespace trivet::wire;

std::string escape(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (unsigned char c : text) out.append("%").append(1, kHex[c >> 4]).append(1, kHex[c & 15]);
  return out;
}

void check_decoding(std::string_view text) {
  auto decoded = percent_decode(text);
  if (!decoded) return;
  if (!is_utf8(*decoded) || decoded->size() > text.size()) std::abort();
  auto again = percent_decode(escape(*decoded));
  if (!again || *again != *decoded) std::abort();
}

void check_safety(std::string_view path) {
  if (!check_path(path)) return;
  auto decoded = percent_decode(path);
  if (!decoded || path.starts_with("//")) std::abort();
  for (auto& c : *decoded)
    if (c == '\\') c = '/';
  std::string resolved = std::filesystem::path{"/folder" + *decoded}.lexically_normal().string();
  if (!resolved.starts_with("/folder/")) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  std::string_view text{reinterpret_cast<const char*>(bytes), size};
  if (text.ends_with('\n')) text.remove_suffix(1);  // an editor's
  check_decoding(text);
  check_safety(text);
  auto target = split_target(text);
  if (!target) return 0;
  if (target->path.find('?') != std::string_view::npos) std::abort();
  if (target->path != "*" && !target->path.starts_with('/')) std::abort();
  check_safety(target->path);
  check_decoding(target->query);
  if (!text.starts_with('/')) return 0;
  std::string joined{target->path};
  if (joined.size() < text.size()) joined.append("?").append(target->query);
  if (joined != text) std::abort();
  return 0;
}
