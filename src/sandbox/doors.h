#pragma once
// Doors: how a network namespace with nothing but its loopback gets to the destinations of an
// allow-list.
//
// Each destination is a socket that listens inside, at an address of the namespace's own loopback;
// whoever holds that socket outside (net/forwarder.h) carries its connections on. A name leads to
// its door by /etc/hosts, so programs use names, ports and TLS as they are. An address that was
// written as a number becomes an address of the loopback. There is no DNS inside.
//
// Planning is pure. Opening is for the launcher's static program: no threads, no lookups.

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "os/fd.h"
#include "sandbox/policy.h"

namespace trivet::sandbox {

struct Door {
  std::string address;      // where it listens: 127.77.x.y, or the destination's own
  NetRule to;               // where it leads
  bool is_literal = false;  // `address` is the destination's: to be given to the loopback
  bool operator==(const Door&) const = default;
};

// A door for each rule, in order, without repetitions. kInvalidManifest with the rule: more than
// limits::kNetRulesMax, a host that is neither a name nor an address, a destination that is never
// let through (loopback, link-local, metadata: sandbox/reach.h).
Result<std::vector<Door>> plan_doors(const std::vector<NetRule>& rules);

// The namespace's /etc/hosts.
std::string hosts_text(const std::vector<Door>& doors);

// Call inside the namespace, with CAP_NET_ADMIN and CAP_NET_BIND_SERVICE in it: brings its loopback
// up, gives it the literal addresses, listens. The sockets, non-blocking, in the doors' order; they
// keep the namespace alive. kIo with the door.
Result<std::vector<os::Fd>> open_doors(const std::vector<Door>& doors);

}  // namespace trivet::sandbox
