#include "net/destinations.h"

#include "base/limits.h"

namespace trivet::net {

Destinations::Destinations(sandbox::Reach reach,
                           std::function<bool(const std::string&)> is_this_host)
    : reach_(reach), is_this_host_(std::move(is_this_host)) {}

Result<std::vector<std::string>> Destinations::admit(const std::string& host,
                                                     std::vector<std::string> found) {
  std::string why = "it has no address";
  std::vector<std::string> outside, inside;
  for (std::string& address : found) {
    std::string reason = why_not(address);
    if (!reason.empty())
      why = std::move(reason);
    else if (sandbox::place_of(address) == sandbox::Place::kPublic)
      outside.push_back(std::move(address));
    else
      inside.push_back(std::move(address));
  }
  if (!outside.empty()) {
    if (public_.size() >= limits::kNetNamesKept) public_.clear();
    public_.insert(host);
    return outside;
  }
  if (inside.empty()) return Error{ErrorCode::kForbidden, why};
  if (public_.contains(host))
    return Error{ErrorCode::kForbidden,
                 "its name led to a public address before, and now to " + inside.front()};
  return inside;
}

// Why no function may connect there; empty = it may.
std::string Destinations::why_not(const std::string& address) const {
  auto place = sandbox::place_of(address);
  if (!place) return "\"" + address + "\" is no address";
  if (!sandbox::may_reach(*place, reach_))
    return address + " is a " + std::string{sandbox::name(*place)} + " address";
  if (!reach_.this_host && is_this_host_(address)) return address + " is an address of this host";
  return {};
}

}  // namespace trivet::net
