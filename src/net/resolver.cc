#include "net/resolver.h"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/limits.h"
#include "net/address.h"

namespace trivet::net {
namespace {

Error unresolved(const std::string& host, const std::string& why) {
  return {ErrorCode::kUnavailable, "\"" + host + "\" does not resolve: " + why};
}

Result<Resolver::Addresses> ask_system(const std::string& host) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  int failed = getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (failed != 0)
    return unresolved(host, failed == EAI_SYSTEM ? std::strerror(errno) : gai_strerror(failed));
  Resolver::Addresses addresses;
  for (const addrinfo* at = found; at; at = at->ai_next) {
    if (at->ai_family != AF_INET && at->ai_family != AF_INET6) continue;
    sockaddr_storage where{};
    std::memcpy(&where, at->ai_addr, std::min<size_t>(at->ai_addrlen, sizeof where));
    std::string text = from_sockaddr(where).host;
    if (std::find(addresses.begin(), addresses.end(), text) == addresses.end())
      addresses.push_back(std::move(text));
  }
  freeaddrinfo(found);
  if (addresses.empty()) return unresolved(host, "it has no address");
  return addresses;
}

}  // namespace

SystemResolver::SystemResolver(loop::Loop& loop, loop::BlockingPool& blocking)
    : SystemResolver(loop, blocking, ask_system) {}

SystemResolver::SystemResolver(loop::Loop& loop, loop::BlockingPool& blocking, Lookup lookup)
    : loop_(loop), blocking_(blocking), lookup_(std::move(lookup)), lookups_(loop) {}

loop::Task<Result<Resolver::Addresses>> SystemResolver::resolve(std::string host,
                                                                Instant deadline) {
  auto entry = entry_of(host);
  bool in_time = co_await entry->done.wait(deadline);
  if (!in_time) co_return unresolved(host, "no answer in time");
  co_return entry->found;
}

std::shared_ptr<SystemResolver::Entry> SystemResolver::entry_of(const std::string& host) {
  if (auto at = entries_.find(host); at != entries_.end() && loop_.now() < at->second->until)
    return at->second;
  if (entries_.size() >= limits::kNetNamesKept) forget_old();
  auto entry = std::make_shared<Entry>(loop_);
  entries_[host] = entry;
  lookups_.spawn(look_up(host, entry));
  return entry;
}

loop::Task<> SystemResolver::look_up(std::string host, std::shared_ptr<Entry> entry) {
  auto work = [lookup = lookup_, host] { return lookup(host); };
  entry->found = co_await blocking_.run(loop_, std::move(work));
  entry->until =
      loop_.now() + (entry->found.ok() ? limits::kNetNameLife : Duration{limits::kNetNameFailed});
  entry->done.set();
}

void SystemResolver::forget_old() {
  std::erase_if(entries_, [this](const auto& named) { return named.second->until <= loop_.now(); });
}

}  // namespace trivet::net
