#include "host/listening.h"

#include "net/listener.h"

namespace trivet::host {
namespace {

loop::Task<Status> listen_on(Shards& shards, const Vault& vault, int64_t now_ms, std::string text,
                             std::vector<std::string>& urls) {
  const HostConfig& config = shards.parts().config;
  auto address = net::Address::parse(text);
  if (!address) co_return std::move(address).error();
  Status allowed = may_listen(*address, config, vault, now_ms);
  if (!allowed) co_return allowed;
  auto listening = co_await shards.listen(*address);
  if (!listening) co_return std::move(listening).error();
  Status opened = open_to_group(*listening, config.socket_group);
  if (!opened) co_return opened;
  std::string url = listening->url();
  urls.push_back(url);
  if (address->kind == net::Address::Kind::kTcp)
    shards.each([url](Shard& shard) { shard.dispatcher.set_public_url(url); });
  co_return Status{};
}

}  // namespace

loop::Task<Status> listen_everywhere(Shards& shards, const Vault& vault, int64_t now_ms,
                                     std::vector<std::string>& urls) {
  const HostConfig& config = shards.parts().config;
  for (const auto& text : config.listen) {
    Status listening = co_await listen_on(shards, vault, now_ms, text, urls);
    if (!listening) co_return listening;
  }
  for (auto& socket : net::inherited_sockets()) {
    Status fit = net::make_listening(socket);
    if (!fit) co_return fit;
    Status allowed = may_listen(net::address_of(socket), config, vault, now_ms);
    if (!allowed) co_return allowed;
    auto listening = shards.main().server.adopt(std::move(socket));
    if (!listening) co_return std::move(listening).error();
    urls.push_back(listening->url());
  }
  co_return Status{};
}

}  // namespace trivet::host
