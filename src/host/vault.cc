#include "host/vault.h"

#include <grp.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "gateway/vault.h"
#include "loop/watch.h"
#include "trivet/vault.h"

namespace trivet::host {
namespace {

namespace fs = std::filesystem;

fs::path dir_in(const fs::path& data_dir) { return data_dir / "vault"; }

std::optional<uint32_t> group_id(const std::string& name) {
  const group* found = name.empty() ? nullptr : getgrnam(name.c_str());
  return found ? std::optional<uint32_t>{found->gr_gid} : std::nullopt;
}

}  // namespace

Vault::Vault(const fs::path& data_dir, const std::string& key_file)
    : dir(dir_in(data_dir)), secrets(dir, key_file), tokens(dir) {}

bool Vault::reload() {
  tokens.reload();
  return secrets.reload();
}

loop::Task<> Vault::hear(loop::Loop& loop, std::function<void()> on_secrets) {
  mkdir(dir.c_str(), 0700);  // what is not there cannot be watched
  os::Fd fd{inotify_init1(IN_NONBLOCK | IN_CLOEXEC)};
  constexpr uint32_t kChanges = IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE | IN_ONLYDIR;
  if (!fd || inotify_add_watch(fd.get(), dir.c_str(), kChanges) < 0) co_return;
  loop::Watch readable{loop, fd.get(), EPOLLIN};
  for (char news[4096];;) {
    co_await readable.readable();
    while (read(fd.get(), news, sizeof news) > 0) {
    }
    readable.drained();
    if (reload()) on_secrets();
  }
}

Status check_access(const HostConfig& config) {
  if (config.socket_group.empty() || group_id(config.socket_group)) return {};
  return Error{ErrorCode::kInvalidInput, "there is no group \"" + config.socket_group + "\"",
               "name another with --socket-group"};
}

gateway::AccessConfig access_config(const HostConfig& config, const Vault& vault) {
  return {config.access_token, config.require_token, config.insecure_no_auth,
          group_id(config.socket_group), &vault.tokens};
}

Status may_listen(const net::Address& address, const HostConfig& config, const Vault& vault,
                  int64_t now_ms) {
  if (address.is_loopback() || !config.access_token.empty() || config.insecure_no_auth ||
      vault.tokens.any(now_ms))
    return {};
  return Error{ErrorCode::kUnauthorized, "listening on " + address.url() + " needs an access token",
               "make one: trivet token new --scope admin --data " +
                   vault.dir.parent_path().string() +
                   "; or set TRIVET_TOKEN, or listen on 127.0.0.1"};
}

Status open_to_group(const net::Address& address, const std::string& group) {
  auto id = group_id(group);
  if (!id || address.kind != net::Address::Kind::kUnix) return {};
  const char* path = address.host.c_str();
  if (chown(path, static_cast<uid_t>(-1), *id) == 0 && chmod(path, 0660) == 0) return {};
  return io_error("cannot give " + address.text() + " to its group", errno);
}

}  // namespace trivet::host

namespace trivet {

Result<std::string> vault_request(const std::string& data_dir, const std::string& key_file,
                                  const std::string& method, const std::string& path,
                                  const std::string& body) {
  size_t question = std::min(path.find('?'), path.size());
  gateway::VaultRequest request{method, path.substr(0, question),
                                path.substr(std::min(question + 1, path.size())), body};
  if (!gateway::is_vault_path(request.path))
    return Error{ErrorCode::kNotFound, "nothing is served at " + request.path};
  host::Vault vault{std::filesystem::absolute(data_dir), key_file};
  auto answer = gateway::answer_vault(vault.secrets, vault.tokens, request, RealClock{}.unix_ms());
  if (!answer) return std::move(answer).error();
  return answer->body.is_null() ? std::string{} : wire::to_text(answer->body);
}

}  // namespace trivet
