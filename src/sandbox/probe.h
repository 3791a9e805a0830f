#pragma once
// What this machine confines with, found out by doing what a start does: a shell is made (shell.h)
// and joined (join.h), and what joined it looks which layers hold. What can be tried without a
// shell is tried alone too, so that one layer that is missing does not hide the others. Nothing is
// taken from version numbers or from settings; those only explain a failure.
//
// Takes some ten milliseconds; the caller must have one thread, and have nobody else wait for its
// children meanwhile.

#include <vector>

#include "sandbox/policy.h"
#include "sandbox/shell.h"

namespace trivet::sandbox {

struct Trial {
  Rights rights;                 // of secure_rights()
  RootPlan root;                 // what every sandbox sees
  uint32_t without = 0;          // layers left out for a test: 1 << Omission
  std::vector<os::Fd> groups{};  // the entrances of its control group
};

// In the order in which a worker goes through them. Limits of control groups are not among them.
// Each that is not active says why and what helps, also when no child could be had to try it.
std::vector<Layer> probe_layers(const Trial& trial);

}  // namespace trivet::sandbox
