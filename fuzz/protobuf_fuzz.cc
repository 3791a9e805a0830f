// links: wire
// Value and Result messages out of arbitrary bytes: what is read can be written, and reads back the
// same.
#include <boost/json.hpp>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "wire/json.h"
#include "wire/port_protocol.h"
#include "wire/protobuf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace trivet::wire;
  std::string_view message{reinterpret_cast<const char*>(bytes), size};
  if (auto value = from_protobuf_value(message)) {
    std::string out;
    append_protobuf_value(out, *value);
    auto back = from_protobuf_value(out);
    if (!back || *back != *value || !parse_json(to_text(*value))) std::abort();
  } else if (value.error().message.find(" offset ") == std::string::npos) {
    std::abort();
  }
  if (auto reply = decode_port_protobuf(message); reply && !reply->failure)
    if (!parse_json(reply->result)) std::abort();
  return 0;
}
