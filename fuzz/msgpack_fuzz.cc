// links: wire
// MessagePack out of arbitrary bytes: what is read can be written, and reads back the same.
#include <boost/json.hpp>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "wire/json.h"
#include "wire/msgpack.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace trivet::wire;
  auto value = from_msgpack({reinterpret_cast<const char*>(bytes), size});
  if (!value) {
    if (value.error().message.find(" at offset ") == std::string::npos) std::abort();
    return 0;
  }
  std::string out;
  append_msgpack(out, *value);
  auto back = from_msgpack(out);
  if (!back || *back != *value || out.size() > 2 * size + 8) std::abort();
  if (!parse_json(to_text(*value))) std::abort();
  return 0;
}
