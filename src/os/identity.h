#pragma once
// As whom this process runs.

#include <string>

namespace trivet::os {

struct Identity {
  std::string user;               // its name; its number where it has none
  bool has_capabilities = false;  // of the thread that asks: any that is in effect
};
Identity identity();

}  // namespace trivet::os
