// The host: builds every part in order, passes references, and takes them down in reverse. Read
// open() and Host's members to see what there is; nothing else in trivet creates a part.
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/json.hpp>
#include <cstdlib>
#include <thread>

#include "builder/builder.h"
#include "catalog/catalog.h"
#include "catalog/watcher.h"
#include "dispatch/dispatch.h"
#include "gateway/gateway.h"
#include "gateway/port/port.h"
#include "gateway/views.h"
#include "host/places.h"
#include "host/public_views.h"
#include "host/shards.h"
#include "loop/blocking.h"
#include "loop/watch.h"
#include "net/http_server.h"
#include "net/listener.h"
#include "store/sources.h"
#include "trivet/host.h"

namespace trivet {
namespace {

constexpr size_t kBlockingThreads = 4;

class HostOfParts final : public Host {
 public:
  HostOfParts(HostConfig config, std::filesystem::path data_dir)
      : config_(std::move(config)),
        data_dir_(std::move(data_dir)),
        started_(clock_.now()),
        prober_(runner_, host::search_path(), data_dir_),
        blocking_(kBlockingThreads),
        logs_(loop_),
        tokens_(clock_),
        public_tokens_(tokens_),
        shards_(loop_, host::count_shards(config_, pool::count_cpus()), shard_parts()),
        main_(shards_.main()),
        scope_(loop_) {}
  ~HostOfParts() override {
    if (!closed_) {
      config_.drain_timeout_ms = 0;
      static_cast<void>(close());
    }
  }

  Status open_catalog(catalog::Config config) {
    auto catalog = catalog::Catalog::open(std::move(config), prober_);
    if (!catalog) return std::move(catalog).error();
    catalog_ = std::move(*catalog);
    if (Status opened = shards_.open(); !opened) return opened;
    if (config_.on_log)
      logs_.set_tee([this](const LogLine& line) { config_.on_log(telemetry::to_json(line)); });
    // Before the first functions are warmed: those workers, too, are to be forks.
    if (!config_.listen.empty()) keep_warm();
    adopt();
    shards_.run();
    if (config_.loop == LoopMode::kBackground) thread_ = std::thread([this] { loop_.run(); });
    return {};
  }

  Status start() override {
    return run_task<Status>([this] { return start_on_loop(); });
  }

  Status close() override {
    if (closed_.exchange(true)) return {};
    Instant deadline = after(clock_.now(), std::chrono::milliseconds{config_.drain_timeout_ms});
    run_task<bool>([this, deadline] { return shards_.drain(deadline); });
    shards_.stop();
    if (thread_.joinable()) {
      loop_.stop();
      thread_.join();
      loop_.run_once(loop_.now());  // calls that came meanwhile are refused
    }
    return {};
  }

  Result<CallReply> invoke(CallRequest request) override {
    return run_task<Result<CallReply>>([&] { return call(std::move(request)); });
  }

  void invoke(CallRequest request, std::function<void(Result<CallReply>)> done) override {
    if (closed_) return done(Error{ErrorCode::kUnavailable, "the host is closed"});
    loop_.post([this, request = std::move(request), done = std::move(done)]() mutable {
      scope_.spawn(call_back(std::move(request), std::move(done)));
    });
  }

  std::future<Result<CallReply>> invoke_async(CallRequest request) override {
    auto promise = std::make_shared<std::promise<Result<CallReply>>>();
    invoke(std::move(request),
           [promise](Result<CallReply> reply) { promise->set_value(std::move(reply)); });
    return promise->get_future();
  }

  Result<FunctionView> get_function(std::string_view name) override {
    auto snapshot = catalog_->current();
    if (auto spec = snapshot->find(name)) return view_of(*spec, *snapshot);
    if (const auto* problem = snapshot->problem(name)) return problem->error;
    return Error{ErrorCode::kFunctionNotFound,
                 "there is no function \"" + std::string{name} + "\""};
  }

  std::vector<FunctionView> list_functions() override {
    auto snapshot = catalog_->current();
    std::vector<FunctionView> views;
    for (const auto& name : snapshot->names())
      views.push_back(view_of(*snapshot->find(name), *snapshot));
    return views;
  }

  std::vector<std::string> list_problems() override {
    std::vector<std::string> out;
    for (const auto& problem : catalog_->current()->problems) {
      out.push_back(problem.error.message);
      if (!problem.error.hint.empty()) out.back() += " (" + problem.error.hint + ")";
    }
    return out;
  }

  Result<std::vector<std::string>> reload_functions() override {
    return run_task<Result<std::vector<std::string>>>([this] { return reload_and_switch(); });
  }

  StatsView stats() override {
    auto census = run_task<dispatch::Census>([this] { return shards_.census(); });
    return stats_of(*catalog_->current(), census);
  }

  TokenStore& token_store() override { return public_tokens_; }

  Status build(std::string_view function) override {
    return run_task<Status>([&] { return shards_.build(std::string{function}); });
  }

  Result<std::string> view(std::string_view path) override {
    if (path == "/v1/runtimes") {
      catalog_->probe_all();
      on_loop<bool>([this] { return adopt(), true; });
    }
    auto census = run_task<dispatch::Census>([this] { return shards_.census(); });
    return on_loop<Result<std::string>>([&]() -> Result<std::string> {
      auto value = gateway::view_by_path(main_.sources, census, path);
      if (!value) return std::move(value).error();
      return wire::to_text(*value);
    });
  }

  std::vector<std::string> addresses() override { return addresses_; }

  Status serve_port(const PortConfig& config) override {
    return run_task<Status>([&] { return port(config); });
  }

 private:
  // Runs `work` on the loop's thread and waits for it.
  template <class T, class F>
  T on_loop(F work) {
    if (!thread_.joinable()) return work();
    std::promise<T> promise;
    loop_.post([&] { promise.set_value(work()); });
    return promise.get_future().get();
  }

  // Runs a task to its end: on the loop's thread, or by turning the loop here.
  template <class T, class F>
  T run_task(F make) {
    if (!thread_.joinable()) {
      std::optional<T> value;
      loop_.refresh();
      scope_.spawn(keep_here<T>(make(), value));
      while (!value) loop_.run_once();
      return std::move(*value);
    }
    std::promise<T> promise;
    loop_.post([&] { scope_.spawn(keep<T>(make(), promise)); });
    return promise.get_future().get();
  }
  template <class T>
  static loop::Task<> keep(loop::Task<T> task, std::promise<T>& promise) {
    T value = co_await std::move(task);
    promise.set_value(std::move(value));
  }
  template <class T>
  static loop::Task<> keep_here(loop::Task<T> task, std::optional<T>& value) {
    value.emplace(co_await std::move(task));
  }

  loop::Task<Result<CallReply>> call(CallRequest request) {
    worker::Call call = call_of(std::move(request), clock_.unix_ms(), loop_.now());
    CallReply out;
    out.call_id = call.id;
    auto reply = co_await main_.dispatcher.invoke(std::move(call));
    if (!reply) co_return std::move(reply).error();
    Status gathered = co_await worker::gather(*reply);
    if (!gathered) co_return std::move(gathered).error();
    out.status = reply->status;
    out.headers = std::move(reply->headers);
    out.body = std::move(reply->body);
    out.queue_ms = to_ms(reply->timing.queue);
    out.start_ms = to_ms(reply->timing.start);
    out.run_ms = to_ms(reply->timing.run);
    co_return out;
  }

  loop::Task<> call_back(CallRequest request, std::function<void(Result<CallReply>)> done) {
    auto reply = co_await call(std::move(request));
    done(std::move(reply));
  }

  host::ShardParts shard_parts() {
    gateway::GatewayConfig gateway{config_.access_token,
                                   data_dir_,
                                   [this] { return reload_and_switch(); },
                                   [this] { return probe_on_loop(); },
                                   {}};
    return {config_,   clock_,  started_, data_dir_,         logs_,
            blocking_, tokens_, gateway,  [this] { fail(); }};
  }

  // Without its launchers a host can start nothing, and its workers are gone.
  void fail() {
    if (failed_.exchange(true)) return;
    loop_.post([this] {
      logs_.write({clock_.unix_ms(), "", "", LogLevel::kError, LogStream::kHost,
                   "the launcher has ended: all workers are ended, the host cannot go on", "", 0});
      if (config_.on_failure) config_.on_failure("the launcher has ended");
    });
  }

  void keep_warm() {
    int64_t bytes = config_.spare_memory_bytes / static_cast<int64_t>(shards_.count());
    shards_.each([bytes](host::Shard& shard) { shard.dispatcher.keep_warm(bytes); });
  }

  loop::Task<Status> start_on_loop() {
    for (const auto& text : config_.listen) {
      auto address = net::Address::parse(text);
      if (!address) co_return std::move(address).error();
      Status allowed = host::may_listen(*address, config_);
      if (!allowed) co_return allowed;
      auto listening = co_await shards_.listen(*address);
      if (!listening) co_return std::move(listening).error();
      addresses_.push_back(listening->url());
      if (address->kind == net::Address::Kind::kTcp)
        shards_.each(
            [url = listening->url()](host::Shard& shard) { shard.dispatcher.set_public_url(url); });
    }
    for (auto& socket : net::inherited_sockets()) {
      auto listening = main_.server.adopt(std::move(socket));
      if (!listening) co_return std::move(listening).error();
      Status allowed = host::may_listen(*listening, config_);
      if (!allowed) co_return allowed;
      addresses_.push_back(listening->url());
    }
    keep_warm();
    if (config_.watch) co_return watch();
    co_return Status{};
  }

  void adopt() { shards_.adopt(catalog_->current()); }

  loop::Task<Result<std::vector<std::string>>> reload_on_loop() {
    auto look = [this] { return catalog_->reload(); };
    auto changes = co_await blocking_.run(loop_, look);
    adopt();
    std::vector<std::string> names;
    for (auto* list : {&changes.added, &changes.changed, &changes.removed})
      names.insert(names.end(), list->begin(), list->end());
    co_return names;
  }

  // Whoever asks for a reload finds what is new in the calls after it.
  loop::Task<Result<std::vector<std::string>>> reload_and_switch() {
    auto changed = co_await reload_on_loop();
    co_await shards_.switched(after(loop_.now(), limits::kReloadWait));
    co_return changed;
  }

  loop::Task<Status> port(PortConfig config) {
    auto add = [this](catalog::FunctionSpec spec) { return add_on_loop(std::move(spec)); };
    auto remove = [this](const std::string& name) {
      bool removed = catalog_->remove(name);
      adopt();
      return removed;
    };
    gateway::Port port{loop_, main_.sources, {add, remove}, config.in, config.out};
    if (config.logs)
      logs_.set_tee([&port](const LogLine& line) { port.log(telemetry::to_json(line)); });
    Status served = co_await port.serve(std::chrono::milliseconds{config_.drain_timeout_ms});
    if (config.logs) logs_.set_tee({});
    co_return served;
  }

  loop::Task<Status> add_on_loop(catalog::FunctionSpec spec) {
    auto add = [this, &spec] { return catalog_->add(std::move(spec)); };
    Status added = co_await blocking_.run(loop_, add);
    adopt();
    co_return added;
  }

  loop::Task<> probe_on_loop() {
    auto look = [this] { return catalog_->probe_all(), true; };
    co_await blocking_.run(loop_, look);
    adopt();
  }

  Status watch() {
    std::error_code ec;
    auto watcher = catalog::Watcher::open(
        std::filesystem::absolute(config_.root, ec).lexically_normal(), clock_);
    if (!watcher) return std::move(watcher).error();
    watcher_ = std::move(*watcher);
    scope_.spawn(reload_on_change());
    return {};
  }

  loop::Task<> reload_on_change() {
    loop::Watch readable{loop_, watcher_->fd(), EPOLLIN};
    for (;;) {
      watcher_->drain();
      readable.drained();
      auto due = watcher_->due();
      bool woken = co_await readable.readable(due.value_or(kNever));
      if (woken || !due) continue;
      watcher_->take();
      auto changed = co_await reload_on_loop();
      if (changed && config_.on_log) scope_.spawn(announce(std::move(*changed)));
    }
  }

  // Says what calls run from now on.
  loop::Task<> announce(std::vector<std::string> changed) {
    co_await shards_.switched(after(loop_.now(), limits::kReloadWait));
    for (const auto& name : changed)
      logs_.write(
          {clock_.unix_ms(), name, "", LogLevel::kInfo, LogStream::kLog, "reloaded", "", 0});
    for (const auto& problem : catalog_->current()->problems)
      logs_.write({clock_.unix_ms(), problem.function, "", LogLevel::kError, LogStream::kLog,
                   problem.error.text(), "", 0});
  }

  HostConfig config_;
  std::filesystem::path data_dir_;
  RealClock clock_;
  Instant started_;
  catalog::RealCommandRunner runner_;
  catalog::Prober prober_;
  loop::Loop loop_;
  loop::BlockingPool blocking_;
  telemetry::LogStore logs_;
  dispatch::Tokens tokens_;
  TokensOfHost public_tokens_;
  std::unique_ptr<catalog::Catalog> catalog_;
  host::Shards shards_;
  host::Shard& main_;  // of the administration, and of calls that come from the program
  std::unique_ptr<catalog::Watcher> watcher_;
  std::vector<std::string> addresses_;
  std::atomic<bool> closed_{false}, failed_{false};
  std::thread thread_;
  loop::Scope scope_;
};

}  // namespace

Result<std::unique_ptr<Host>> Host::open(HostConfig config) {
  auto floor = host::sandbox_floor(config);
  if (!floor) return std::move(floor).error();
  auto places = host::find_places(config);
  if (!places) return std::move(places).error();
  catalog::Config catalog_config{
      config.root,
      std::move(places->runtime_dirs),
      host::environment(),
      config.overrides,
      [sources = std::make_shared<store::Sources>(places->data_dir)](
          const std::filesystem::path& archive) { return sources->folder_of(archive); },
      places->data_dir,
      *floor};
  auto host = std::make_unique<HostOfParts>(std::move(config), std::move(places->data_dir));
  if (Status opened = host->open_catalog(std::move(catalog_config)); !opened)
    return std::move(opened).error();
  return std::unique_ptr<Host>{std::move(host)};
}

std::string_view version() { return TRIVET_VERSION; }

}  // namespace trivet
