#include "dispatch/served.h"

#include <filesystem>

#include "wire/port_protocol.h"
#include "worker/oneshot.h"
#include "worker/port.h"

namespace trivet::dispatch {
namespace {

constexpr auto kFailureMemory = 1s;
constexpr std::string_view kStdio = "stdio";  // the interface without a shim: one process per call

// Starts the real workers of one function version.
class Launcher final : public pool::WorkerFactory {
 public:
  Launcher(Served::Surroundings around, worker::LaunchPlan plan)
      : around_(around), plan_(std::move(plan)) {}

  loop::Task<Result<std::unique_ptr<worker::Worker>>> start(
      worker::WorkerObserver& observer) override {
    worker::Surroundings around{around_.loop, around_.clock, around_.logs, observer};
    if (plan_.interface == kStdio)
      co_return std::unique_ptr<worker::Worker>{std::make_unique<worker::Oneshot>(around, plan_)};
    if (wire::find_port_protocol(plan_.interface))
      co_return co_await worker::Port::start(around, plan_);
    co_return co_await worker::Framed::start(around, plan_);
  }

 private:
  Served::Surroundings around_;
  worker::LaunchPlan plan_;
};

}  // namespace

worker::LaunchPlan plan_launch(const catalog::FunctionSpec& spec,
                               const catalog::RuntimeSpec& runtime,
                               const builder::Artifact& artifact) {
  catalog::Words words{
      runtime.binary,      runtime.dir.string(), runtime.dir.parent_path().string(),
      artifact.entrypoint, spec.dir.string(),    artifact.output.string(),
      spec.handler,        spec.interface};
  worker::LaunchPlan plan;
  plan.function = spec.name;
  plan.runtime = runtime.name;
  plan.argv = catalog::expand(runtime.command_of(spec.interface), words);
  plan.env = builder::base_environment(runtime.env);
  plan.dir = spec.dir.string();
  plan.entrypoint = artifact.entrypoint;
  plan.handler = spec.handler;
  plan.interface = spec.interface;
  plan.function_env = spec.env;
  plan.concurrency = spec.scale.concurrency;
  plan.sees_request = spec.interface != "json";
  plan.payload_bytes = spec.limits.payload_bytes;
  plan.start_timeout = spec.limits.start_timeout;
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

loop::Task<Status> Served::prepare() {
  if (prepared()) co_return Status{};
  if (Status present = check_toolchain(); !present) co_return present;
  if (failure_ && around_.loop.now() < failure_until_) co_return *failure_;
  auto artifact = co_await around_.builder.build(spec_, runtime_);
  if (!artifact) {
    failure_ = artifact.error();
    failure_until_ = after(around_.loop.now(), kFailureMemory);
    co_return std::move(artifact).error();
  }
  if (prepared()) co_return Status{};  // another call was faster
  pool::Pool::Plan plan{spec_->scale, spec_->restart, spec_->name};
  bool fresh_each =
      spec_->pristine || (spec_->mode == catalog::Mode::kOneshot && spec_->interface != kStdio);
  if (fresh_each) plan.restart.max_calls = 1;
  pool_ = std::make_unique<pool::Pool>(
      around_.loop, std::move(plan),
      std::make_unique<Launcher>(around_, plan_launch(*spec_, *runtime_, *artifact)));
  co_return Status{};
}

}  // namespace trivet::dispatch
