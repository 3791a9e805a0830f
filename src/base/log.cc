#include "base/log.h"

#include <array>

namespace trivet {
namespace {
constexpr std::array<std::string_view, 4> kLevels{"debug", "info", "warn", "error"};
constexpr std::array<std::string_view, 4> kStreams{"log", "stdout", "stderr", "host"};
}  // namespace

std::string_view name(LogLevel level) { return kLevels[static_cast<size_t>(level)]; }

LogLevel log_level(std::string_view name) {
  for (size_t i = 0; i < kLevels.size(); ++i)
    if (kLevels[i] == name) return static_cast<LogLevel>(i);
  return LogLevel::kInfo;
}

std::string_view name(LogStream stream) { return kStreams[static_cast<size_t>(stream)]; }

}  // namespace trivet
