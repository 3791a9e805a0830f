#pragma once
// Destinations: which of the addresses that a name has come to may be connected to.

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "sandbox/reach.h"

namespace trivet::net {

class Destinations {
 public:
  // `is_this_host`: does an address belong to this machine (net/dial.h)?
  Destinations(sandbox::Reach reach, std::function<bool(const std::string&)> is_this_host);

  // Those of `found` that a connection to `host`, a name or an address, may go to, in their order;
  // kForbidden with the reason when there are none. A name that has led to public addresses does
  // not lead to private ones, then or later: that is how a stranger's name would be pointed at a
  // neighbour.
  Result<std::vector<std::string>> admit(const std::string& host, std::vector<std::string> found);

 private:
  std::string why_not(const std::string& address) const;

  sandbox::Reach reach_;
  std::function<bool(const std::string&)> is_this_host_;
  std::set<std::string> public_;  // names that have led to public addresses
};

}  // namespace trivet::net
