#pragma once
// The vault of a host: its secrets and access tokens, and news of what others change in their
// files.

#include <filesystem>

#include "gateway/gateway.h"
#include "loop/task.h"
#include "trivet/host.h"
#include "vault/secrets.h"
#include "vault/tokens.h"

namespace trivet::host {

struct Vault {
  Vault(const std::filesystem::path& data_dir, const std::string& key_file);

  // What has changed in the files. True: secrets are others than before.
  bool reload();
  // Reloads when somebody else has changed the files: `trivet secret` and `trivet token` without a
  // server. Calls `on_secrets` when secrets are others than before. Until it is dropped.
  loop::Task<> hear(loop::Loop& loop, std::function<void()> on_secrets);

  std::filesystem::path dir;
  vault::Secrets secrets;
  vault::AccessTokens tokens;
};

// Said in the log.
inline constexpr std::string_view kNoAuthWarning =
    "weakened by the operator: whoever reaches this server may do everything (--insecure-no-auth)";

// kInvalidInput for a group that there is not.
Status check_access(const HostConfig& config);
// What the configuration says of who may ask.
gateway::AccessConfig access_config(const HostConfig& config, const Vault& vault);
// May this host listen there? kUnauthorized with what to do.
Status may_listen(const net::Address& address, const HostConfig& config, const Vault& vault,
                  int64_t now_ms);
// Lets the members of the group, if there is one, connect to a Unix socket. kIo.
Status open_to_group(const net::Address& address, const std::string& group);

}  // namespace trivet::host
