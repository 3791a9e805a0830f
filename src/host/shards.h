#pragma once
// Shards: the loops of a host, each with a thread and all that serves calls on it.
//
// The first, main, also has what there is once: the administration, the log, builds, Unix sockets.
// A function lives on one shard (dispatch/homes.h). A connection that asks for it moves there with
// its request; a call that another function or the embedding program makes crosses over, and its
// reply comes back. Shards share nothing that changes but what is thread-safe (Homes, Tokens):
// everything else they tell each other through their loops.

#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "builder/builder.h"
#include "dispatch/census.h"
#include "dispatch/dispatch.h"
#include "gateway/gateway.h"
#include "host/doorkeeper.h"
#include "loop/crossing.h"
#include "net/forwarder.h"
#include "net/http_server.h"
#include "net/resolver.h"
#include "telemetry/log_relay.h"
#include "trivet/host.h"

namespace trivet::host {

// How many a host has: what `config.shards` says, or half as many as there are CPUs, for the
// workers need the others. One without a thread or an address of its own has no use for more.
size_t count_shards(const HostConfig& config, int cpus);

// What shards are made of; outlives them.
struct ShardParts {
  const HostConfig& config;
  const Clock& clock;
  Instant started;
  std::filesystem::path data_dir;
  telemetry::LogStore& logs;  // on main's loop
  loop::BlockingPool& blocking;
  dispatch::Tokens& tokens;
  gateway::GatewayConfig gateway;           // its callbacks are called on main's loop
  std::function<void()> on_launcher_ended;  // on that launcher's loop
};

class Shards;

// What one loop runs. Its members are for its thread only, once that runs.
class Shard final : dispatch::Neighbours, builder::Artifacts {
 private:
  const size_t number_;
  Shards& all_;
  telemetry::LogRelay relay_;
  telemetry::Stats stats_;
  // Connections of sandboxed functions. Lookups have threads of their own: a DNS server that does
  // not answer must not hold up builds.
  loop::BlockingPool lookups_;
  net::SystemResolver resolver_;
  net::Forwarder forwarder_;
  Doorkeeper doorkeeper_;

 public:
  Shard(loop::Loop& loop, size_t number, Shards& all, const ShardParts& parts);

  Status open();  // starts its launcher
  void adopt(catalog::SnapshotPtr snapshot);
  dispatch::Census census() const;

  loop::Loop& loop;
  launcher::Launcher launcher;
  std::optional<builder::Builder> builder;  // of main: the others' builds go there
  pool::Budget budget;
  dispatch::Dispatcher dispatcher;
  gateway::ViewSources sources;
  gateway::Gateway gateway;
  net::HttpServer server;
  loop::Scope scope;

 private:
  loop::Task<> watch_launcher();
  gateway::GatewayConfig gateway_config();
  std::optional<dispatch::Part> part(std::string_view function) const override;
  loop::Task<Result<worker::Reply>> invoke(worker::Call call) override;
  loop::Task<Status> prepare(std::string function) override;
  loop::Task<Result<std::filesystem::path>> prepare(catalog::RuntimePtr runtime,
                                                    sandbox::Level level) override;
  loop::Task<Result<builder::Artifact>> build(catalog::FunctionPtr spec,
                                              catalog::RuntimePtr runtime) override;
};

class Shards {
 public:
  // `main` is the loop of the first.
  Shards(loop::Loop& main, size_t count, ShardParts parts);
  ~Shards();  // after stop()

  Shard& main() { return *shards_.front(); }
  size_t count() const { return shards_.size(); }
  dispatch::Homes& homes() { return homes_; }
  // The shard to take a call of that function to from shard `from`.
  Shard& nearest(std::string_view function, size_t from);
  const ShardParts& parts() const { return parts_; }

  // Before run(): starts the launchers.
  Status open();
  // Starts the threads of all but main, whose loop the caller runs; stop() ends them, after which
  // the caller's thread may touch everything.
  void run();
  void stop();

  // From here on main's thread only.

  // What there is from now on; each shard hears of it in its next turn.
  void adopt(catalog::SnapshotPtr snapshot);
  void each(std::function<void(Shard&)> work);  // on each one's thread, soon
  // All have adopted what there is, and no function is being switched over. false: the deadline
  // passed first.
  loop::Task<bool> switched(Instant deadline);
  loop::Task<dispatch::Census> census();
  // All log lines that any shard has written before are in the store.
  loop::Task<bool> logs_here();
  // The address with the port that was chosen.
  loop::Task<Result<net::Address>> listen(net::Address address);
  // Now, with what of it goes to the shared store: whoever builds on its own ends soon after.
  loop::Task<Status> build(std::string function);
  // As Dispatcher::drain and HttpServer::drain.
  loop::Task<bool> drain(Instant deadline);

 private:
  template <class T, class Make>
  loop::Task<T> on(Shard& shard, Make make);
  template <class Make>
  loop::Task<> on_all(Make make);

  const ShardParts parts_;
  dispatch::Homes homes_;
  std::deque<loop::Loop> loops_;  // but main's; outlive every shard: what ends posts to the others
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<std::thread> threads_;
};

}  // namespace trivet::host
