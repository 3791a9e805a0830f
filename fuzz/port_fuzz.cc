// links: wire
// A program's stdout as arbitrary bytes, in each protocol: what comes out does not depend on how
// the bytes were cut, and what is taken for a result is JSON.
#include <algorithm>
#include <boost/json.hpp>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "wire/json.h"
#include "wire/json_members.h"
#include "wire/port_protocol.h"

namespace {

using namespace trivet::wire;

constexpr size_t kMaxMessage = 2000;

void check_reply(const PortProtocol& protocol, std::string_view message) {
  auto reply = protocol.decode(message);
  if (reply && !reply->failure && !check_json(reply->result)) std::abort();
}

// The messages, each with its place; "!" at the end when one was refused.
std::string split(const PortProtocol& protocol, std::string_view bytes, size_t piece) {
  MessageSplitter splitter{protocol.framing, kMaxMessage};
  std::string out;
  while (!bytes.empty()) {
    splitter.feed(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
    for (;;) {
      auto message = splitter.next();
      if (!message) return out + "!";
      if (!*message) break;
      if ((*message)->size() > kMaxMessage) std::abort();
      check_reply(protocol, **message);
      out += std::to_string(splitter.offset()) + ":";
      out += std::string{**message} + ";";
    }
  }
  return out;
}

// Members cut out of a document are the document's.
void check_members(std::string_view text) {
  auto members = json_members(text);
  auto whole = parse_json(text);
  if (!members || !whole) return;
  for (const auto& member : whole->as_object()) {
    const JsonMember* found = find_member(*members, member.key());
    if (!found) std::abort();
    auto value = parse_json(found->value);
    if (!value || *value != member.value()) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size < 2) return 0;
  std::string_view all{reinterpret_cast<const char*>(bytes) + 2, size - 2};
  const auto& protocol = port_protocols()[bytes[0] % port_protocols().size()];
  if (split(protocol, all, all.size() + 1) != split(protocol, all, 1 + bytes[1] % 64)) std::abort();
  check_members(all);
  return 0;
}
