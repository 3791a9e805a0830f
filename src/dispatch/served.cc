#include "dispatch/served.h"

#include <algorithm>
#include <filesystem>

#include "catalog/resolve.h"

#include "catalog/confinement.h"

namespace trivet::dispatch {
namespace {

constexpr auto kFailureMemory = 1s;
constexpr std::string_view kStdio = "stdio";  // the interface without a shim: one process per call

}  // namespace

namespace {

// What it may see, besides what every sandbox does: its own folder or file, and what was built.
void confine(worker::LaunchPlan& plan, const catalog::FunctionSpec& spec,
             const catalog::RuntimeSpec& runtime, const builder::Artifact& artifact) {
  plan.policy = spec.policy;
  if (spec.policy.level < sandbox::Level::kSandbox) return;
  auto show = [&binds = plan.policy.binds](std::string path) {
    if (!path.empty() && std::none_of(binds.begin(), binds.end(),
                                      [&](const auto& bind) { return bind.path == path; }))
      binds.push_back({std::move(path), false});
  };
  if (spec.lone)
    for (const auto& source : catalog::sources_of_lone(spec, runtime)) show(source.string());
  else
    show(spec.dir.string());
  show(plan.output);
  show(artifact.prepared.string());
  for (const auto& needed : artifact.needs) show(needed.string());
  if (!plan.output.empty() && !runtime.run_in.empty()) show(plan.dir);
}

}  // namespace

worker::LaunchPlan plan_launch(const catalog::FunctionSpec& spec,
                               const catalog::RuntimeSpec& runtime,
                               const builder::Artifact& artifact) {
  catalog::Words words{
      runtime.binary,      runtime.dir.string(), runtime.dir.parent_path().string(),
      artifact.entrypoint, spec.dir.string(),    artifact.output.string(),
      spec.handler,        spec.interface};
  words.memory_mib = std::to_string(catalog::heap_mib(spec.policy));
  worker::LaunchPlan plan;
  plan.function = spec.name;
  plan.runtime = runtime.name;
  plan.argv = catalog::expand(runtime.command_of(spec.interface), words);
  plan.env = builder::worker_environment(catalog::expand(runtime.env, words), spec.policy.level);
  plan.dir = spec.dir.string();
  plan.output = artifact.output.string();
  if (!plan.output.empty()) {
    if (!runtime.run_in.empty()) plan.dir = catalog::expand({runtime.run_in}, words).front();
    auto env = runtime.env;
    for (const auto& [key, value] : runtime.build_env) env[key] = value;
    plan.env =
        builder::worker_environment(catalog::expand(std::move(env), words), spec.policy.level);
  }
  if (!artifact.prepared.empty())
    plan.env.push_back(std::string{builder::kPreparedVariable} + "=" + artifact.prepared.string());
  plan.entrypoint = artifact.entrypoint;
  plan.handler = spec.handler;
  plan.interface = spec.interface;
  plan.function_env = spec.env;
  plan.concurrency = spec.scale.concurrency;
  plan.sees_request = spec.interface != "json" && spec.interface != "module";
  plan.payload_bytes = spec.limits.payload_bytes;
  plan.log_bytes_per_second = spec.limits.log_bytes_per_second;
  plan.start_timeout = spec.limits.start_timeout;
  confine(plan, spec, runtime, artifact);
  return plan;
}

Served::Served(Surroundings around, catalog::FunctionPtr spec, catalog::RuntimePtr runtime)
    : around_(std::move(around)), spec_(std::move(spec)), runtime_(std::move(runtime)) {
  if (!wants_secrets(*spec_)) return;
  secrets_ = secrets_of(*spec_, around_.secrets ? *around_.secrets : vault::Values{});
  if (!secrets_) return;
  redactor_.emplace(secrets_->values);
  clean_logs_.emplace(around_.logs, *redactor_);
}

bool Served::has_secrets_of(const vault::Values& known) const {
  if (!wants_secrets(*spec_)) return true;
  auto now = secrets_of(*spec_, known);
  if (now && secrets_) return *now == *secrets_;
  return !now && !secrets_ && now.error().message == secrets_.error().message;
}

LogSink& Served::logs() { return clean_logs_ ? static_cast<LogSink&>(*clean_logs_) : around_.logs; }

worker::LaunchPlan Served::plan_worker(const builder::Artifact& artifact) const {
  worker::LaunchPlan plan = plan_launch(*spec_, *runtime_, artifact);
  for (const auto& [key, value] : secrets_->env) plan.function_env[key] = value;
  return plan;
}

Status Served::check_toolchain() const {
  if (runtime_->available()) return {};
  return Error{ErrorCode::kRuntimeNotAvailable,
               spec_->name + " needs the " + runtime_->name + " runtime: " + runtime_->reason,
               "install it: " + runtime_->install}
      .with("runtime", runtime_->name)
      .with("install", runtime_->install);
}

loop::Task<Result<builder::Artifact>> Served::build() {
  if (around_.factories) {
    Status built = co_await around_.factories->build(*spec_);
    if (!built) co_return std::move(built).error();
  }
  co_return co_await around_.artifacts.build(spec_, runtime_);
}

loop::Task<Status> Served::build_only() {
  if (Status present = check_toolchain(); !present) co_return present;
  auto artifact = co_await build();
  if (!artifact) co_return std::move(artifact).error();
  co_return Status{};
}

loop::Task<Status> Served::prepare() {
  if (prepared()) co_return Status{};
  if (Status present = check_toolchain(); !present) co_return present;
  if (!secrets_) co_return secrets_.error();
  if (failure_ && around_.loop.now() < failure_until_) co_return *failure_;
  auto artifact = co_await build();
  if (!artifact) {
    failure_ = artifact.error();
    failure_until_ = after(around_.loop.now(), kFailureMemory);
    co_return std::move(artifact).error();
  }
  if (prepared()) co_return Status{};  // another call was faster
  pool::Pool::Plan plan{part_of(spec_->scale, around_.part), spec_->restart, spec_->name,
                        spec_->limits.timeout};
  bool fresh_each = spec_->pristine || spec_->policy.level == sandbox::Level::kStrict ||
                    (spec_->mode == catalog::Mode::kOneshot && spec_->interface != kStdio);
  if (fresh_each) plan.restart.max_calls = 1;
  std::unique_ptr<pool::WorkerFactory> factory;
  if (around_.factories) {
    factory = around_.factories->make(*spec_);
  } else {
    worker::LaunchPlan how = plan_worker(*artifact);
    bool runs_warm = runtime_->runs_warm(how.function_env);
    auto starter = std::make_unique<Starter>(
        worker::Process::Surroundings{around_.loop, around_.clock, logs(), around_.launcher},
        std::move(how), &around_.services, around_.nursery(*spec_, runtime_, artifact->prepared),
        runs_warm);
    starter_ = starter.get();
    factory = std::move(starter);
  }
  pool_ = std::make_unique<pool::Pool>(around_.loop, around_.budget, std::move(plan),
                                       std::move(factory));
  co_return Status{};
}

}  // namespace trivet::dispatch
