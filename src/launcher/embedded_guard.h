#pragma once
// The fork guard's library, as bytes inside the launcher's program.

#include <string_view>

namespace trivet::launcher {

std::string_view guard();

}  // namespace trivet::launcher
