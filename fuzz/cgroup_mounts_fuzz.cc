// links: sandbox
// The texts of /proc/self/cgroup and /proc/self/mountinfo, one after the other with a NUL between.
// What is found is an absolute path without "..", each hierarchy once, and a second reading says
// the same.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sandbox/cgroup_mounts.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(bytes), size);
  size_t middle = std::min(text.find('\0'), text.size());
  std::string_view mountinfo = text.substr(std::min(middle + 1, text.size()));
  auto found = trivet::sandbox::find_hierarchies(text.substr(0, middle), mountinfo);
  auto again = trivet::sandbox::find_hierarchies(text.substr(0, middle), mountinfo);
  if (found.size() != again.size()) std::abort();
  for (size_t i = 0; i < found.size(); ++i) {
    if (found[i].own.empty() || found[i].own[0] != '/' || found[i].own != again[i].own)
      std::abort();
    if (found[i].is_v2 != found[i].controllers.empty()) std::abort();
    for (const std::string& controller : found[i].controllers)
      if (controller.empty() || controller.starts_with("name=")) std::abort();
  }
  return 0;
}
