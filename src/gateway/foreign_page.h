#pragma once
// Web pages of somebody else's in a browser on this machine. Without an access token whoever
// reaches the port may call, so a page must not: neither by a name of its own that it lets point
// here (DNS rebinding), nor by a form or script that sends to us from elsewhere. Pure.

#include <optional>

#include "base/error.h"
#include "net/http_parser.h"

namespace trivet::gateway {

// kForbidden for a Host that is neither an IP address nor localhost, and for a request other than
// GET, HEAD and OPTIONS whose Origin is not where it was sent to, and for what a page elsewhere
// loads as a part of itself (Sec-Fetch-Site, Sec-Fetch-Dest). (Addresses to listen on are IP
// addresses or localhost, too.)
std::optional<Error> refuse_foreign_page(const net::MessageHead& request);

}  // namespace trivet::gateway
