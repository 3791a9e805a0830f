#pragma once
// The launcher's program, as bytes inside this library.

#include <string_view>

namespace trivet::launcher {

std::string_view program();

}  // namespace trivet::launcher
