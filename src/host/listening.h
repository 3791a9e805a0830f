#pragma once
// Where a host can be reached, and by whom: its addresses, and the vault with the tokens.

#include "host/shards.h"
#include "host/vault.h"

namespace trivet::host {

// Listens on the configured addresses and those of the service manager, and tells the functions
// where; `urls` has them. kUnauthorized for one that would let everybody in; kIo.
loop::Task<Status> listen_everywhere(Shards& shards, const Vault& vault, int64_t now_ms,
                                     std::vector<std::string>& urls);

}  // namespace trivet::host
