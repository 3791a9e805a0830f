#include "gateway/openapi.h"

namespace trivet::gateway {
namespace {

constexpr char kText[] = {
#include "gateway/openapi_json.inc"
};

}  // namespace

std::string_view openapi_json() { return {kText, sizeof kText}; }

}  // namespace trivet::gateway
