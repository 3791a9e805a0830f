#include "gateway/foreign_page.h"

#include <arpa/inet.h>

#include <algorithm>

namespace trivet::gateway {
namespace {

std::string lower(std::string_view text) {
  std::string out{text};
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

struct Authority {
  std::string host, port;  // the host lower-case, without brackets
};

Authority split(std::string_view text) {
  size_t colon = text.rfind(':');
  bool has_port =
      colon != std::string_view::npos && text.find(']', colon) == std::string_view::npos;
  Authority out{lower(text.substr(0, has_port ? colon : text.size())), "80"};
  if (has_port && colon + 1 < text.size()) out.port = text.substr(colon + 1);
  if (out.host.size() > 2 && out.host.front() == '[' && out.host.back() == ']')
    out.host = out.host.substr(1, out.host.size() - 2);
  return out;
}

bool is_ip(const std::string& host) {
  in6_addr ignored;
  return inet_pton(AF_INET, host.c_str(), &ignored) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &ignored) == 1;
}

bool is_local(std::string host) {
  if (host.ends_with('.')) host.pop_back();
  return is_ip(host) || host == "localhost" || host.ends_with(".localhost");
}

bool is_same_origin(std::string_view origin, const Authority& host) {
  constexpr std::string_view kScheme = "http://";
  if (!origin.starts_with(kScheme)) return false;  // "null" and https: this port speaks neither
  Authority from = split(origin.substr(kScheme.size()));
  return from.host == host.host && from.port == host.port;
}

// What a page loads without asking: images, scripts, frames. Browsers say so themselves. A link
// that somebody follows is none of these.
bool is_embedded(const net::MessageHead& request) {
  std::string_view site = request.header("sec-fetch-site").value_or("none");
  if (site == "none" || site == "same-origin") return false;
  return request.header("sec-fetch-dest").value_or("") != "document";
}

}  // namespace

std::optional<Error> refuse_foreign_page(const net::MessageHead& request) {
  auto name = request.header("host");
  if (!name) return std::nullopt;  // no browser: they all send it
  Authority host = split(*name);
  if (!is_local(host.host))
    return Error{ErrorCode::kForbidden,
                 "the request was sent to the host \"" + std::string{*name} +
                     "\": without an access token only an IP address or localhost is served, "
                     "because any web page could let its own name point here",
                 "call it by its IP address, or set an access token (TRIVET_TOKEN)"};
  for (std::string_view method : {"GET", "HEAD", "OPTIONS"})
    if (request.method == method && (method == "OPTIONS" || !is_embedded(request)))
      return std::nullopt;
  auto origin = request.header("origin");
  if (!is_embedded(request) && (!origin || is_same_origin(*origin, host))) return std::nullopt;
  return Error{ErrorCode::kForbidden,
               "a web page of " + std::string{origin.value_or("somebody else's")} +
                   " sent this request to " + std::string{*name} +
                   ": without an access token pages of others are refused",
               "set an access token (TRIVET_TOKEN) and send it with the request"};
}

}  // namespace trivet::gateway
