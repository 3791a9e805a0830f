// links: launcher
// What host, launcher and zygotes say to each other, as arbitrary bytes: refused, or a message that
// comes back as it was.
#include <cstdint>
#include <cstdlib>

#include "launcher/messages.h"

using namespace trivet::launcher;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view bytes{reinterpret_cast<const char*>(data), size};
  if (auto message = decode(bytes)) {
    std::string again = encode(*message);
    auto back = decode(again);
    if (!back || encode(*back) != again) std::abort();
  }
  if (auto frame = decode_control(bytes)) {
    auto back = decode_control(encode_control(*frame));
    if (!back || back->body != frame->body || back->ticket != frame->ticket) std::abort();
  }
  return 0;
}
