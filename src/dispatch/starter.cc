#include "dispatch/starter.h"

#include "wire/port_protocol.h"
#include "worker/oneshot.h"
#include "worker/port.h"

namespace trivet::dispatch {
namespace {

constexpr auto kZygoteAfter = 30ms;   // the first worker's first call comes before its zygote
constexpr auto kZygoteWithin = 1s;    // others wait for it; then they load for themselves
constexpr auto kZygoteHealthy = 10s;  // one that lived as long did not die of what it is
const catalog::Restart kBackoff{};    // 100 ms to 30 s
constexpr std::string_view kStdio = "stdio";  // the interface of a process per call

}  // namespace

Starter::Starter(worker::Process::Surroundings around, worker::LaunchPlan plan,
                 worker::HostServices* services, std::shared_ptr<pool::Nursery> nursery,
                 bool warm_oneshot)
    : around_(around),
      plan_(std::move(plan)),
      services_(services),
      nursery_(std::move(nursery)),
      warm_oneshot_(warm_oneshot),
      settled_(around.loop),
      scope_(around.loop) {}

Starter::~Starter() = default;

worker::Surroundings Starter::around(worker::WorkerObserver& observer) const {
  return {around_.loop, around_.clock, around_.logs, around_.launcher, observer, services_};
}

loop::Task<Result<std::unique_ptr<worker::Worker>>> Starter::start(
    worker::WorkerObserver& observer) {
  if (plan_.interface == kStdio) {
    worker::Oneshot::TakeBlank take;
    if (nursery_ && warm_oneshot_) take = [this] { return nursery_->take(); };
    co_return std::unique_ptr<worker::Worker>{
        std::make_unique<worker::Oneshot>(around(observer), plan_, std::move(take))};
  }
  if (wire::find_port_protocol(plan_.interface))
    co_return co_await worker::Port::start(around(observer), plan_);
  if (should_wait()) {
    ++waiting_;
    co_await settled_.wait(after(around_.loop.now(), kZygoteWithin));
    --waiting_;
  }
  ++loading_;
  auto started = co_await start_framed(observer);
  --loading_;
  if (!started) {
    if (loading_ == 0 && !making_zygote_) settled_.set();
    co_return std::move(started).error();
  }
  if (wants_zygote()) scope_.spawn(make_zygote(waiting_ > 0 ? Duration{} : kZygoteAfter));
  co_return std::unique_ptr<worker::Worker>{std::move(*started)};
}

loop::Task<Result<std::unique_ptr<worker::Framed>>> Starter::start_framed(
    worker::WorkerObserver& observer) {
  auto blank = take_blank();
  Result<std::unique_ptr<worker::Framed>> started{std::unique_ptr<worker::Framed>{}};
  if (blank) started = co_await worker::Framed::start(around(observer), plan_, std::move(*blank));
  // Where nothing was kept, or what was kept could not be forked, a program is started.
  if (!blank || (!started && started.error().code == ErrorCode::kIo))
    started = co_await worker::Framed::start(around(observer), plan_);
  co_return started;
}

// Two may load at once where that is quick; more would only take the processors from each other.
bool Starter::should_wait() const {
  if (!nursery_ || !nursery_->forks() || !first_zygote_ || zygote_ ||
      plan_.policy.level == sandbox::Level::kStrict)
    return false;
  return loading_ >= (nursery_->is_ready() ? 2 : 1) || making_zygote_;
}

std::optional<worker::Blank> Starter::take_blank() {
  if (!nursery_) return std::nullopt;
  if (!zygote_ || !zygote_->alive()) return nursery_->take();
  worker::BlankPlan plan;
  plan.function = plan_.function;
  plan.zygote = zygote_->ticket();
  plan.policy = plan_.policy;
  plan.is_loaded = true;
  auto blank = worker::start_blank(around_, std::move(plan), nullptr);
  if (!blank) return std::nullopt;
  return std::move(*blank);
}

bool Starter::wants_zygote() const {
  if (plan_.policy.level == sandbox::Level::kStrict) return false;  // nothing is shared
  return nursery_ && nursery_->forks() && !zygote_ && !making_zygote_ && not_forked_.empty();
}

loop::Task<> Starter::make_zygote(Duration delay) {
  making_zygote_ = true;
  co_await around_.loop.sleep(delay);
  co_await nursery_->ready(kNever);
  auto blank = nursery_->take_zygote();
  Result<std::unique_ptr<worker::Framed>> started{Error{ErrorCode::kIo, "its runtime's has ended"}};
  if (blank) started = co_await worker::Framed::start(around(*this), plan_, std::move(*blank));
  making_zygote_ = first_zygote_ = false;
  settled_.set();
  if (!blank) co_return;
  if (!started) {
    ++zygote_failures_;
    tell(LogLevel::kWarn, "its zygote did not load: " + started.error().text());
    co_return;
  }
  not_forked_ = (*started)->unsafe();
  if (not_forked_.empty())
    zygote_ = std::move(*started);
  else
    tell(LogLevel::kInfo, "it is not forked, each worker loads it: " + not_forked_);
}

void Starter::tell(LogLevel level, std::string message) {
  LogLine line;
  line.time_ms = around_.clock.unix_ms();
  line.function = plan_.function;
  line.level = level;
  line.stream = LogStream::kHost;
  line.message = std::move(message);
  around_.logs.write(std::move(line));
}

// A zygote has ended. What is left of it is destroyed later: this is called from its own end.
void Starter::on_end() { scope_.spawn(replace_zygote()); }

loop::Task<> Starter::replace_zygote() {
  co_await around_.loop.sleep_until(around_.loop.now());
  if (!zygote_ || !zygote_->ended()) co_return;  // one that never was ready
  tell(LogLevel::kWarn, "its zygote ended: " + zygote_->end_text());
  bool was_healthy = around_.loop.now() - zygote_->started() > kZygoteHealthy;
  zygote_failures_ = was_healthy ? 1 : zygote_failures_ + 1;
  zygote_.reset();
  if (wants_zygote()) co_await make_zygote(pool::backoff(kBackoff, zygote_failures_, 0));
}

}  // namespace trivet::dispatch
