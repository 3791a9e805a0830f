#include "base/error.h"

#include <array>
#include <cstring>

namespace trivet {
namespace {

constexpr std::array<ErrorTraits, 24> kTable{{
    {"FUNCTION_NOT_FOUND", 404, 4, "catalog", "No such function"},
    {"NOT_FOUND", 404, 4, "gateway", "Not found"},
    {"METHOD_NOT_ALLOWED", 405, 2, "gateway", "Method not allowed"},
    {"INVALID_REQUEST", 400, 2, "gateway", "Invalid request"},
    {"INVALID_INPUT", 422, 7, "function", "Invalid input"},
    {"INVALID_MANIFEST", 503, 7, "catalog", "Invalid manifest"},
    {"NOT_SUPPORTED", 501, 7, "catalog", "Not supported yet"},
    {"PAYLOAD_TOO_LARGE", 413, 7, "gateway", "Payload too large"},
    {"UNAUTHORIZED", 401, 5, "gateway", "Not allowed"},
    {"FORBIDDEN", 403, 5, "gateway", "Forbidden"},
    {"OVERLOADED", 429, 75, "pool", "Overloaded"},
    {"CIRCUIT_OPEN", 503, 75, "pool", "Circuit open"},
    {"RUNTIME_NOT_AVAILABLE", 503, 69, "runtime", "Runtime not available"},
    {"BUILD_FAILED", 503, 6, "builder", "Build failed"},
    {"LOAD_FAILED", 503, 3, "function", "Function did not load"},
    {"FUNCTION_ERROR", 500, 3, "function", "Function failed"},
    {"FUNCTION_CRASHED", 502, 3, "function", "Function crashed"},
    {"FUNCTION_TIMEOUT", 504, 124, "function", "Function timed out"},
    {"INVALID_OUTPUT", 502, 3, "function", "Invalid output"},
    {"CANCELLED", 499, 1, "gateway", "Cancelled"},
    {"LOOP_DETECTED", 508, 3, "host", "Calls nested too deep"},
    {"UNAVAILABLE", 503, 69, "host", "Unavailable"},
    {"IO_ERROR", 500, 1, "host", "Input or output failed"},
    {"INTERNAL", 500, 1, "host", "Internal error"},
}};
static_assert(kTable.size() == static_cast<size_t>(ErrorCode::kInternal) + 1);

}  // namespace

const ErrorTraits& traits(ErrorCode code) { return kTable[static_cast<size_t>(code)]; }

ErrorCode code_from_name(std::string_view name) {
  for (size_t i = 0; i < kTable.size(); ++i)
    if (kTable[i].name == name) return static_cast<ErrorCode>(i);
  return ErrorCode::kInternal;
}

std::string Error::text() const {
  std::string out{traits(code).name};
  out.append(": ").append(message);
  if (!hint.empty()) out.append(" (").append(hint).append(")");
  return out;
}

Error io_error(std::string_view what, int errno_value) {
  return {ErrorCode::kIo, std::string{what} + ": " + std::strerror(errno_value)};
}

}  // namespace trivet
