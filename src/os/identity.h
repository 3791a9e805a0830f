#pragma once
// As whom this process runs.

#include <string>

namespace trivet::os {

struct Identity {
  std::string user;                // its name; its number where it has none
  bool has_capabilities = false;   // of the thread that asks: any that is in effect
  bool can_become_others = false;  // root, where there are other users
};
Identity identity();

}  // namespace trivet::os
