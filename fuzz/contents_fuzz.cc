// links: store
// Descriptions of artifacts out of arbitrary bytes: what is read is written as it is read again,
// and what is written of anything is read back.
#include <cstdint>
#include <cstdlib>

#include "store/contents.h"

using trivet::store::Contents;

namespace {

// A description of whatever the bytes spell, so that its hash fits.
Contents made_of(std::string_view bytes) {
  Contents contents;
  while (bytes.size() > 4) {
    size_t size = 1 + static_cast<unsigned char>(bytes[0]) % 16;
    trivet::store::Entry entry;
    entry.kind = "fdl"[static_cast<unsigned char>(bytes[1]) % 3];
    entry.path = bytes.substr(2, size);
    bytes.remove_prefix(std::min(bytes.size(), size + 2));
    if (entry.kind == 'l') entry.target = entry.path + "/..";
    if (entry.kind == 'f') {
      entry.is_program = size % 2;
      entry.size = size << 40;
      entry.mtime = -static_cast<int64_t>(size);
      entry.hash = "0f";
    }
    contents.entries.push_back(std::move(entry));
  }
  return contents;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  std::string_view text{reinterpret_cast<const char*>(bytes), size};
  if (auto contents = trivet::store::read_contents(text)) {
    auto again = trivet::store::read_contents(to_text(*contents));
    if (!again || *again != *contents) std::abort();
  }
  Contents made = made_of(text);
  auto read = trivet::store::read_contents(to_text(made));
  if (!read || *read != made) std::abort();
  return 0;
}
