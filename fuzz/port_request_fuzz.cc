// links: wire
// sources: gateway/port/request.cc gateway/port/options.cc
// What a peer of `trivet port` sends, as arbitrary bytes in arbitrary pieces: packets, terms in
// them, requests and a pool's options out of those.
#include "gateway/port/request.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "wire/json_members.h"
#include "wire/message_splitter.h"
#include "wire/text.h"

namespace {

using namespace trivet;

constexpr size_t kMaxPacket = 20'000;

std::string check(const gateway::PortCall& call) {
  if (call.pool.empty() || call.module.empty() || call.function.empty()) std::abort();
  if (!call.args.starts_with('[') || !call.args.ends_with(']')) std::abort();
  if (call.timeout && *call.timeout > limits::kTimeoutMax) std::abort();
  if (!wire::is_function_name(gateway::function_of_pool(call.pool))) std::abort();
  return "call " + call.pool + " " + call.module + " " + call.function + " " + call.args;
}
std::string check(const gateway::PortStart& start) {
  const auto& spec = start.spec;
  if (!spec.dir.is_absolute() || spec.interface != "module") std::abort();
  if (spec.scale.min < 1 || spec.scale.max != spec.scale.min) std::abort();
  for (const auto& [name, value] : spec.env)
    if (name.empty() || (name + value).find('\0') != std::string::npos) std::abort();
  return "start " + start.pool + " " + spec.dir.string();
}
std::string check(const gateway::PortStop& stop) { return "stop " + stop.pool; }
std::string check(const gateway::PortPing& ping) { return "ping " + ping.pool; }
std::string check(const gateway::PortStats&) { return "stats"; }

std::string asked(std::string_view packet) {
  auto term = wire::read_term(packet, {kMaxPacket, 100, 20'000});
  if (!term) return "no term";
  auto id = gateway::id_of(*term);
  auto request = gateway::read_request(*term);
  if (!request && request.error().code != ErrorCode::kInvalidRequest) std::abort();
  if (!request) return request.error().message;
  return std::visit([](const auto& wanted) { return check(wanted); }, *request);
}

std::string all_asked(std::string_view bytes, size_t piece) {
  wire::MessageSplitter splitter{wire::Framing::kPacket4, kMaxPacket};
  std::string out;
  while (!bytes.empty()) {
    splitter.feed(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
    for (;;) {
      auto packet = splitter.next();
      if (!packet) return out + "!";
      if (!*packet) break;
      out += asked(**packet) + ";";
    }
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size < 1) return 0;
  std::string_view all{reinterpret_cast<const char*>(bytes) + 1, size - 1};
  asked(all);  // without a length, which the fuzzer seldom guesses
  if (all_asked(all, all.size() + 1) != all_asked(all, 1 + bytes[0] % 64)) std::abort();
  return 0;
}
