#pragma once
// Where a confined function's connections may lead: a rule about numbers, not names, because a
// name's owner can point it anywhere. It is asked of every address that a name resolves to, each
// time.
//
// The machine itself and what belongs to it (loopback, link-local, a cloud's metadata service) are
// never reached; an address that carries another one in it counts as that one.

#include <optional>
#include <string_view>

namespace trivet::sandbox {

enum class Place {
  kPublic,
  kPrivate,      // RFC 1918, RFC 6598, RFC 4193, and what else is routed only inside
  kLoopback,     // also the unspecified address, which the kernel takes as loopback
  kLinkLocal,    // most clouds' metadata services are here, too
  kMetadata,     // services of the machine's cloud at other addresses
  kMulticast,    // and broadcast
  kUnreachable,  // reserved, or a tunnel whose other end cannot be told
};
std::string_view name(Place place);  // "loopback"

// What the address is; nothing when the text is no address ("127.1" is none).
std::optional<Place> place_of(std::string_view address);

// What the operator lets functions with a list of destinations reach.
struct Reach {
  bool private_networks = true;  // an internal service by its name is the commonest destination
  bool this_host = false;        // loopback, and other addresses of this machine
};
bool may_reach(Place place, Reach reach);

}  // namespace trivet::sandbox
