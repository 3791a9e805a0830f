#pragma once
// Which hierarchies of control groups a machine has, and where we are in each: read from the texts
// of /proc/self/cgroup and /proc/self/mountinfo (cgroups(7), proc(5)).
//
// Version 1 has a hierarchy per controller or few, version 2 one for all; hybrid hosts have both,
// and a controller then belongs to one of them.

#include <string>
#include <string_view>
#include <vector>

namespace trivet::sandbox {

struct Hierarchy {
  bool is_v2 = false;
  bool is_read_only = false;             // as mounted, such as in a container
  std::vector<std::string> controllers;  // of version 1; version 2 has a file about them
  std::string own;  // the folder of our own group: below where the hierarchy is mounted
};

// Those that are mounted and show our own group, without the ones of version 1 that have no
// controller. One that is mounted more than once counts once, writable if it is so anywhere. Lines
// that cannot be understood are left out.
std::vector<Hierarchy> find_hierarchies(std::string_view cgroup, std::string_view mountinfo);

}  // namespace trivet::sandbox
