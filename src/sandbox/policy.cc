#include "sandbox/policy.h"

#include <array>

namespace trivet::sandbox {
namespace {

constexpr std::array<std::string_view, 4> kLevels{"trusted", "process", "sandbox", "strict"};

}  // namespace

std::string_view name(Level level) { return kLevels[static_cast<size_t>(level)]; }

std::optional<Level> parse_level(std::string_view text) {
  for (size_t i = 0; i < kLevels.size(); ++i)
    if (kLevels[i] == text) return static_cast<Level>(i);
  return std::nullopt;
}

bool is_asked(const Limits& limits, std::string_view layer) {
  return (layer == "memory-limit" && limits.memory_is_asked) ||
         (layer == "cpu-limit" && limits.cpu_percent != 0);
}

Policy at_level(Level level) {
  Policy policy;
  policy.level = level;
  return policy;
}

}  // namespace trivet::sandbox
