// links: wire
// Terms out of arbitrary bytes: what is read is written and read as the same, and its JSON is JSON
// that means the same when it comes back.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "wire/etf.h"
#include "wire/etf_json.h"
#include "wire/json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  std::string_view text{reinterpret_cast<const char*>(bytes), size};
  auto term = trivet::wire::read_term(text, {1 << 20, 60, 100'000});
  if (!term) return 0;
  std::string written;
  trivet::wire::append_term(written, *term);
  auto again = trivet::wire::read_term(written);
  if (!again || !(*again == *term)) std::abort();
  std::string json, second;
  trivet::wire::append_json(json, *term);
  auto back = trivet::wire::term_from_json(json);
  if (!back) std::abort();
  trivet::wire::append_json(second, *back);
  auto third = trivet::wire::term_from_json(second);
  if (!third || !(*third == *back)) std::abort();
  return 0;
}
