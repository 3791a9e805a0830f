#pragma once
// What this machine can confine with, found out by doing it: each layer is tried in a child that
// does nothing else, with the rights that this process has. Nothing is taken from version numbers
// or from settings; those only explain a failure.
//
// Takes some ten milliseconds; the caller must have one thread, or be prepared for its locks to be
// held in the children, which call nothing but the kernel.

#include <vector>

#include "sandbox/policy.h"

namespace trivet::sandbox {

// In the order in which a worker goes through them. Limits of control groups are not among them.
// Children that cannot be started make every layer that needs them unavailable, with the reason.
std::vector<Layer> probe_layers();

}  // namespace trivet::sandbox
