#pragma once
// The loopback of the network namespace that this thread is in. Needs CAP_NET_ADMIN there.

#include <string>

#include "base/result.h"

namespace trivet::sandbox {

// A namespace is born with its loopback down. Nothing to do when it is up.
Status bring_loopback_up();

// Gives the loopback one more address, IPv4 or IPv6, at once usable. All right when it has it.
Status add_to_loopback(const std::string& address);

}  // namespace trivet::sandbox
