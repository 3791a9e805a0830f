#include "host/shards.h"

#include <algorithm>

#include "catalog/visible.h"
#include "store/remote.h"

namespace trivet::host {
namespace {

constexpr size_t kLookups = 4;  // of names, at once
constexpr size_t kShardsByDefault = 8;
constexpr int kWorkersEach = 32;  // of the host's budget: a shard with fewer would waste it

// Not that of one connection or call: all of it, for it crosses threads.
loop::Task<Result<worker::Reply>> whole_reply(dispatch::Dispatcher& dispatcher, worker::Call call) {
  auto reply = co_await dispatcher.invoke(std::move(call));
  if (!reply) co_return reply;
  Status gathered = co_await worker::gather(*reply);
  if (!gathered) co_return std::move(gathered).error();
  co_return reply;
}

loop::Task<bool> shut_down(Shard& shard, Instant deadline) {
  co_await shard.dispatcher.drain(deadline);
  co_await shard.server.drain(after(shard.loop.now(), 1s));
  co_return true;
}

pool::Budget::Settings share_of_budget(const HostConfig& config, size_t number, size_t count) {
  dispatch::Part part{static_cast<int>(number), static_cast<int>(count)};
  return {dispatch::share(std::max(1, config.max_workers), part),
          config.max_memory / count + (number == 0 ? config.max_memory % count : 0)};
}

builder::Builder::Settings builder_settings(const HostConfig& config) {
  builder::Builder::Settings settings;
  settings.max_builds = config.max_builds;
  settings.sharing = {config.store, config.store_program};
  return settings;
}

}  // namespace

size_t count_shards(const HostConfig& config, int cpus) {
  if (config.loop == LoopMode::kCaller) return 1;
  size_t most = static_cast<size_t>(std::max(1, config.max_workers / kWorkersEach));
  if (config.shards > 0) return std::min<size_t>(static_cast<size_t>(config.shards), most);
  if (config.listen.empty()) return 1;
  return std::clamp<size_t>(static_cast<size_t>(cpus) / 2, 1, std::min(kShardsByDefault, most));
}

Shard::Shard(loop::Loop& loop_of_it, size_t number, Shards& all, const ShardParts& parts)
    : number_(number),
      all_(all),
      relay_(number == 0 ? loop_of_it : all.main().loop, parts.logs),
      lookups_(kLookups),
      resolver_(loop_of_it, lookups_),
      forwarder_(loop_of_it, resolver_, number == 0 ? static_cast<LogSink&>(parts.logs) : relay_,
                 parts.clock),
      doorkeeper_(forwarder_),
      loop(loop_of_it),
      launcher(loop),
      budget(share_of_budget(parts.config, number, all.homes().shards())),
      dispatcher({loop, parts.clock, number == 0 ? static_cast<LogSink&>(parts.logs) : relay_,
                  stats_, *this, parts.tokens, launcher, budget, nullptr,
                  all.homes().shards() > 1 ? this : nullptr, parts.gateway.vault.secrets}),
      sources{dispatcher,
              parts.logs,
              parts.clock,
              parts.started,
              [this] { return all_.census(); },
              [this] { return all_.logs_here(); },
              [this] { return launcher.layers(); },
              [this]() -> const std::vector<sandbox::Layer>& { return launcher.limits_now(); },
              sandbox::parse_level(parts.config.sandbox).value_or(sandbox::Level::kSandbox),
              parts.data_dir},
      gateway(loop, sources, gateway_config()),
      server(loop, gateway, {}),
      scope(loop) {
  if (number == 0)
    builder.emplace(
        builder::Builder::Surroundings{loop, parts.clock, parts.logs, parts.blocking, launcher},
        parts.data_dir, builder_settings(parts.config));
}

Status Shard::open() {
  launcher.set_doorkeeper(&doorkeeper_);
  if (Status opened = launcher.open(); !opened) return opened;
  scope.spawn(watch_launcher());
  return {};
}

loop::Task<> Shard::watch_launcher() {
  co_await launcher.ended().wait();
  all_.parts().on_launcher_ended();
}

gateway::GatewayConfig Shard::gateway_config() {
  gateway::GatewayConfig config = all_.parts().gateway;
  config.log = number_ == 0 ? static_cast<LogSink*>(&all_.parts().logs) : &relay_;
  if (all_.homes().shards() > 1)
    config.home = [this](std::string_view function) -> net::HttpServer* {
      Shard& home = function.empty() ? all_.main() : all_.nearest(function, number_);
      return &home == this ? nullptr : &home.server;
    };
  return config;
}

void Shard::adopt(catalog::SnapshotPtr snapshot) {
  launcher.show(catalog::visible_paths(*snapshot, all_.parts().data_dir));
  dispatcher.adopt(std::move(snapshot));
  gateway.refresh();
}

dispatch::Census Shard::census() const {
  dispatch::Census census = census_of(dispatcher, stats_);
  for (auto& pool : census.pools) pool.shard = number_;
  census.traffic = forwarder_.traffic();
  return census;
}

std::optional<dispatch::Part> Shard::part(std::string_view function) const {
  return all_.homes().part(function, number_);
}

loop::Task<Result<worker::Reply>> Shard::invoke(worker::Call call) {
  Shard& home = all_.nearest(call.function, number_);
  auto make = [&home, call = std::move(call)]() mutable {
    return whole_reply(home.dispatcher, std::move(call));
  };
  co_return co_await loop::run_on<Result<worker::Reply>>(loop, home.loop, home.scope,
                                                         std::move(make));
}

loop::Task<Status> Shard::prepare(std::string function) {
  Shard& home = all_.nearest(function, number_);
  auto make = [&home, function] { return home.dispatcher.prepare(function); };
  co_return co_await loop::run_on<Status>(loop, home.loop, home.scope, std::move(make));
}

// One builder for all: what two shards need is built once.
loop::Task<Result<builder::Artifact>> Shard::build(catalog::FunctionPtr spec,
                                                   catalog::RuntimePtr runtime) {
  Shard& main = all_.main();
  if (number_ == 0) co_return co_await builder->build(std::move(spec), std::move(runtime));
  auto make = [&main, spec, runtime] { return main.builder->build(spec, runtime); };
  co_return co_await loop::run_on<Result<builder::Artifact>>(loop, main.loop, main.scope,
                                                             std::move(make));
}

loop::Task<Result<std::filesystem::path>> Shard::prepare(catalog::RuntimePtr runtime,
                                                         sandbox::Level level) {
  Shard& main = all_.main();
  if (number_ == 0) co_return co_await builder->prepare(std::move(runtime), level);
  auto make = [&main, runtime, level] { return main.builder->prepare(runtime, level); };
  co_return co_await loop::run_on<Result<std::filesystem::path>>(loop, main.loop, main.scope,
                                                                 std::move(make));
}

Shards::Shards(loop::Loop& main, size_t count, ShardParts parts)
    : parts_(std::move(parts)), homes_(count), loops_(count - 1) {
  shards_.push_back(std::make_unique<Shard>(main, 0, *this, parts_));
  for (auto& loop : loops_)
    shards_.push_back(std::make_unique<Shard>(loop, shards_.size(), *this, parts_));
}

Shards::~Shards() {
  stop();
  while (!shards_.empty()) shards_.pop_back();
}

Shard& Shards::nearest(std::string_view function, size_t from) {
  return *shards_[homes_.nearest(function, from).value_or(from)];
}

Status Shards::open() {
  const std::string& store = parts_.config.store;
  if (Status good = store.empty() ? Status{} : store::check_store_url(store); !good) return good;
  for (auto& shard : shards_)
    if (Status opened = shard->open(); !opened) return opened;
  return {};
}

void Shards::run() {
  for (auto& loop : loops_) threads_.emplace_back([&loop] { loop.run(); });
}

void Shards::stop() {
  if (threads_.empty()) return;
  for (auto& loop : loops_) loop.stop();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
  for (auto& loop : loops_) loop.run_once(loop.now());  // what came meanwhile
}

void Shards::each(std::function<void(Shard&)> work) {
  work(main());
  for (size_t number = 1; number < shards_.size(); ++number)
    shards_[number]->loop.post([work, shard = shards_[number].get()] { work(*shard); });
}

void Shards::adopt(catalog::SnapshotPtr snapshot) {
  homes_.adopt(*snapshot);
  each([snapshot](Shard& shard) { shard.adopt(snapshot); });
}

template <class T, class Make>
loop::Task<T> Shards::on(Shard& shard, Make make) {
  if (&shard == &main()) co_return co_await make();
  co_return co_await loop::run_on<T>(main().loop, shard.loop, shard.scope, std::move(make));
}

namespace {

loop::Task<> ignore(loop::Task<bool> task) { co_await std::move(task); }

}  // namespace

template <class Make>
loop::Task<> Shards::on_all(Make make) {
  loop::Scope scope{main().loop};
  for (auto& shard : shards_) {
    auto task = [make, &shard = *shard] { return make(shard); };
    scope.spawn(ignore(on<bool>(*shard, std::move(task))));
  }
  co_await scope.join();
}

loop::Task<bool> Shards::switched(Instant deadline) {
  bool all = true;
  for (auto& shard : shards_) {
    auto wait = [&shard = *shard, deadline] { return shard.dispatcher.switched(deadline); };
    bool in_time = co_await on<bool>(*shard, std::move(wait));
    all = all && in_time;
  }
  co_return all;
}

namespace {

loop::Task<bool> nothing() { co_return true; }

loop::Task<dispatch::Census> census_on(const Shard& shard) { co_return shard.census(); }

loop::Task<Result<net::Address>> join_listening(Shard& shard, net::Address address) {
  co_return shard.server.listen(std::move(address), net::Sharing::kBeside);
}

loop::Task<bool> refuse_calls(Shard& shard, Instant deadline) {
  shard.server.stop_accepting();
  co_await shard.dispatcher.quiet(deadline);
  co_return true;
}

}  // namespace

loop::Task<dispatch::Census> Shards::census() {
  dispatch::Census all;
  for (auto& shard : shards_) {
    auto make = [&shard = *shard] { return census_on(shard); };
    auto one = co_await on<dispatch::Census>(*shard, std::move(make));
    all.add(std::move(one));
  }
  all.sort();
  co_return all;
}

// A shard hands its lines to main's loop in order: what comes back after them finds them there.
loop::Task<bool> Shards::logs_here() {
  for (auto& shard : shards_) co_await on<bool>(*shard, nothing);
  co_return true;
}

loop::Task<Result<net::Address>> Shards::listen(net::Address address) {
  bool shared = count() > 1 && address.kind == net::Address::Kind::kTcp;
  auto chosen = main().server.listen(address, shared ? net::Sharing::kFirst : net::Sharing::kNone);
  if (!chosen || !shared) co_return chosen;
  for (size_t number = 1; number < shards_.size(); ++number) {
    auto join = [&shard = *shards_[number], address = *chosen] {
      return join_listening(shard, address);
    };
    auto joined = co_await on<Result<net::Address>>(*shards_[number], std::move(join));
    if (!joined) co_return std::move(joined).error();
  }
  co_return chosen;
}

// A call in flight on one shard may make one on another: none ends before all are quiet.
loop::Task<Status> Shards::build(std::string function) {
  Status built = co_await main().dispatcher.prepare(std::move(function));
  if (built) co_await main().builder->settled(after(main().loop.now(), limits::kStorePush));
  co_return built;
}

loop::Task<bool> Shards::drain(Instant deadline) {
  auto refuse = [deadline](Shard& shard) { return refuse_calls(shard, deadline); };
  auto end = [deadline](Shard& shard) { return shut_down(shard, deadline); };
  co_await on_all(refuse);
  co_await on_all(end);
  Instant farewell = after(main().loop.now(), limits::kStoreFarewell);
  co_await main().builder->settled(std::min(deadline, farewell));
  co_return true;
}

}  // namespace trivet::host
