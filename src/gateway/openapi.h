#pragma once
// The description of the HTTP API, OpenAPI 3.1: what /openapi.json answers.

#include <string_view>

namespace trivet::gateway {
std::string_view openapi_json();
}  // namespace trivet::gateway
