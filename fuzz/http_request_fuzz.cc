// links: net
// Requests out of arbitrary bytes, as a connection reads them: no crash, no read outside the bytes,
// and the same outcome whether they come at once or in two parts.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "net/http_parser.h"

namespace {

using trivet::net::HttpParser;
using trivet::net::MessageKind;

struct Outcome {
  std::string text;
  bool refused = false;
};

// Serves what can be served of `bytes`, which come in two parts.
Outcome serve(std::string_view bytes, size_t first) {
  HttpParser parser{MessageKind::kRequest};
  Outcome outcome;
  std::string in{bytes.substr(0, first)};
  bool whole = false;
  auto arrive = [&] {
    if (whole) return false;
    whole = true;
    in.append(bytes.substr(first));
    return true;
  };
  for (;;) {
    size_t length = HttpParser::head_length(in);
    if (length == 0) {
      outcome.refused = HttpParser::early_fault(in).has_value();
      if (outcome.refused || !arrive()) return outcome;
      continue;
    }
    outcome.refused = parser.parse_head(std::string_view{in}.substr(0, length)).has_value();
    if (outcome.refused) return outcome;
    in.erase(0, length);
    outcome.text.append(parser.head().method).append(" ").append(parser.head().target).append("\n");
    for (const auto& h : parser.head().headers)
      outcome.text.append(h.name).append("=").append(h.value).append("\n");
    while (!parser.body_done()) {
      auto taken = parser.take_body(in, outcome.text);
      outcome.refused = !taken.ok();
      if (!taken) return outcome;
      in.erase(0, *taken);
      if (*taken == 0 && !arrive()) return outcome;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size == 0) return 0;
  std::string_view all{reinterpret_cast<const char*>(bytes) + 1, size - 1};
  Outcome at_once = serve(all, all.size());
  Outcome in_parts = serve(all, all.size() * bytes[0] / 256);
  if (at_once.refused != in_parts.refused) std::abort();
  if (!at_once.refused && at_once.text != in_parts.text) std::abort();
  return 0;
}
