#pragma once
// Gateway: every HTTP request comes in here and is handed to the way in that its path names.
//
//   /function/{name}[/path]   native/  a synchronous call
//   /api/functions...         alyx/    the Alyx HTTP API
//   /v1/..., /healthz, ...    admin/   administration
//   any other path            the routes that functions asked for, then 404
//
// Every answer, whatever it says, carries X-Call-Id: the caller's when it sent one, else a new one.
// Each way in turns the request into a Call and the Reply into a response; none of them knows how a
// function runs.

#include <filesystem>
#include <functional>
#include <memory>

#include "gateway/access.h"
#include "gateway/audit.h"
#include "gateway/views.h"
#include "loop/blocking.h"
#include "net/http_server.h"
#include "vault/secrets.h"

namespace trivet::gateway {

// What the administration may change; null where there is none.
struct VaultParts {
  vault::Secrets* secrets = nullptr;
  vault::AccessTokens* tokens = nullptr;
  loop::BlockingPool* blocking = nullptr;         // their files are written there
  std::function<loop::Task<>()> adopt_secrets{};  // workers are replaced by ones that have them
};

struct GatewayConfig {
  AccessConfig access;
  VaultParts vault;
  LogSink* log = nullptr;           // for who was refused, and who changed what
  std::filesystem::path spool_dir;  // large bodies wait here until they are whole
  // Looks at the functions again; the names that changed.
  std::function<loop::Task<Result<std::vector<std::string>>>()> reload;
  // Looks for the toolchains that nobody has asked for yet.
  std::function<loop::Task<>()> probe_runtimes;
  // Where the calls of a function are served, or the administration (no name); nullptr: here.
  std::function<net::HttpServer*(std::string_view function)> home;
};

class Gateway final : public net::HttpHandler {
 public:
  Gateway(loop::Loop& loop, ViewSources sources, GatewayConfig config)
      : loop_(loop),
        sources_(sources),
        config_(std::move(config)),
        access_(config_.access, sources_.clock),
        audit_(sources_.clock, config_.log) {}

  loop::Task<> handle(net::Exchange& exchange) override;
  net::HttpServer* server_for(const net::Request& request) override;
  // After the dispatcher has adopted a new snapshot.
  void refresh() { routes_ = std::make_unique<Routes>(*sources_.dispatcher.snapshot()); }

  loop::Loop& loop() { return loop_; }
  const ViewSources& sources() const { return sources_; }
  dispatch::Dispatcher& dispatcher() { return sources_.dispatcher; }
  const GatewayConfig& config() const { return config_; }
  const Access& access() const { return access_; }

 private:
  std::optional<Error> refusal(net::Exchange& exchange);
  loop::Task<> route(net::Exchange& exchange);
  // False: no function asked for it.
  loop::Task<bool> try_routes(net::Exchange& exchange);

  loop::Loop& loop_;
  ViewSources sources_;
  GatewayConfig config_;
  Access access_;
  Audit audit_;
  std::unique_ptr<Routes> routes_;
};

// The ways in. `path` is what follows their prefix.
enum class Audience { kCallers, kAnybody };  // kAnybody: no header was meant for us
loop::Task<> handle_native(Gateway& gateway, net::Exchange& exchange, std::string function,
                           std::string path, Audience audience);
// POST /v1/echo: the body comes back as a call's reply would, without a call. For load tests of
// what stands between a client and its function.
loop::Task<> handle_echo(Gateway& gateway, net::Exchange& exchange);
loop::Task<> handle_alyx(Gateway& gateway, net::Exchange& exchange, std::string path);
loop::Task<> handle_admin(Gateway& gateway, net::Exchange& exchange, std::string path);

}  // namespace trivet::gateway
