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
#include "gateway/doctor.h"
#include "gateway/gateway.h"
#include "gateway/port/port.h"
#include "gateway/views.h"
#include "host/announcer.h"
#include "host/listening.h"
#include "host/places.h"
#include "host/privileges.h"
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
  HostOfParts(HostConfig config, std::filesystem::path data_dir, std::optional<host::User> user)
      : config_(std::move(config)),
        data_dir_(std::move(data_dir)),
        user_(std::move(user)),
        started_(clock_.now()),
        prober_(runner_, host::search_path(), data_dir_),
        blocking_(kBlockingThreads),
        logs_(loop_),
        vault_(data_dir_, config_.secrets_key),
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
    sandbox::Level floor = config.floor;
    auto catalog = catalog::Catalog::open(std::move(config), prober_);
    if (!catalog) return std::move(catalog).error();
    catalog_ = std::move(*catalog);
    if (Status opened = shards_.open(); !opened) return opened;
    if (config_.on_log)
      logs_.set_tee([this](const LogLine& line) { config_.on_log(telemetry::to_json(line)); });
    announcer_.operators_level(floor);
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
    return view_of(name, *catalog_->current());
  }

  std::vector<FunctionView> list_functions() override { return views_of(*catalog_->current()); }

  std::vector<std::string> list_problems() override {
    auto of_secrets = on_loop<std::vector<catalog::Problem>>(
        [this] { return gateway::secret_problems(main_.dispatcher); });
    return problem_texts(*catalog_->current(), of_secrets);
  }

  std::vector<std::string> list_warnings() override {
    return on_loop<std::vector<std::string>>([this] { return announcer_.warnings(); });
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
    if (path == "/v1/doctor")
      return run_task<std::string>([this] { return gateway::doctor_page(main_.sources); });
    run_task<std::vector<sandbox::Layer>>([this] { return main_.launcher.limits(); });
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
    std::string id = call.id;
    auto reply = co_await main_.dispatcher.invoke(std::move(call));
    if (!reply) co_return std::move(reply).error();
    Status gathered = co_await worker::gather(*reply);
    if (!gathered) co_return std::move(gathered).error();
    co_return reply_of(std::move(id), std::move(*reply));
  }

  loop::Task<> call_back(CallRequest request, std::function<void(Result<CallReply>)> done) {
    auto reply = co_await call(std::move(request));
    done(std::move(reply));
  }

  host::ShardParts shard_parts() {
    gateway::GatewayConfig gateway{
        host::access_config(config_, vault_),
        {&vault_.secrets, &vault_.tokens, &blocking_, [this] { return adopt_and_switch(); }},
        nullptr,
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
      announcer_.say(LogLevel::kError, "the launcher and all workers have ended: the host ends");
      if (config_.on_failure) config_.on_failure("the launcher has ended");
    });
  }

  void keep_warm() {
    int64_t bytes = config_.spare_memory_bytes / static_cast<int64_t>(shards_.count());
    shards_.each([bytes](host::Shard& shard) { shard.dispatcher.keep_warm(bytes); });
  }

  loop::Task<Status> start_on_loop() {
    Status listening =
        co_await host::listen_everywhere(shards_, vault_, clock_.unix_ms(), addresses_);
    if (!listening) co_return listening;
    Status changed = user_ ? host::become(*user_, data_dir_) : Status{};
    if (!changed) co_return changed;
    announcer_.machine(co_await main_.launcher.limits());
    announcer_.started(user_ ? user_->name : "", !config_.listen.empty(), config_.insecure_no_auth);
    scope_.spawn(vault_.hear(loop_, [this] { adopt(); }));
    keep_warm();
    if (config_.watch) co_return watch();
    co_return Status{};
  }

  void adopt() {
    auto snapshot = catalog_->current();
    announcer_.weakened(*snapshot);
    shards_.adopt(std::move(snapshot));
  }

  // Whoever sets a secret finds it in the calls after that.
  loop::Task<> adopt_and_switch() {
    adopt();
    co_await shards_.switched(after(loop_.now(), limits::kReloadWait));
  }

  loop::Task<Result<std::vector<std::string>>> reload_on_loop() {
    auto look = [this] { return vault_.reload(), catalog_->reload(); };
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
    announcer_.machine(co_await main_.launcher.limits());
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
    announcer_.reloaded(changed, *catalog_->current());
  }

  HostConfig config_;
  std::filesystem::path data_dir_;
  std::optional<host::User> user_;  // to become
  RealClock clock_;
  Instant started_;
  catalog::RealCommandRunner runner_;
  catalog::Prober prober_;
  loop::Loop loop_;
  loop::BlockingPool blocking_;
  telemetry::LogStore logs_;
  host::Vault vault_;
  dispatch::Tokens tokens_;
  TokensOfHost public_tokens_;
  std::unique_ptr<catalog::Catalog> catalog_;
  host::Shards shards_;
  host::Shard& main_;  // of the administration, and of calls that come from the program
  host::Announcer announcer_{logs_, clock_};
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
  if (Status known = host::check_access(config); !known) return std::move(known).error();
  auto user = host::user_to_become(config.user, places->data_dir);
  if (!user) return std::move(user).error();
  auto host = std::make_unique<HostOfParts>(std::move(config), std::move(places->data_dir),
                                            std::move(*user));
  if (Status opened = host->open_catalog(std::move(catalog_config)); !opened)
    return std::move(opened).error();
  return std::unique_ptr<Host>{std::move(host)};
}

std::string_view version() { return TRIVET_VERSION; }

}  // namespace trivet
