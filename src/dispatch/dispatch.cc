#include "dispatch/dispatch.h"

#include <algorithm>

#include "base/ids.h"
#include "catalog/runtimes.h"
#include "wire/text.h"

namespace trivet::dispatch {
namespace {

using worker::EndReason;

// Counts a call as in flight for as long as its coroutine lives, however it ends.
struct InFlightCount {
  InFlightCount(int64_t& host, int64_t& function, loop::Event& quiet)
      : host_(host), function_(function), quiet_(quiet) {
    ++host_;
    ++function_;
  }
  ~InFlightCount() {
    --function_;
    if (--host_ == 0) quiet_.set();
  }
  int64_t& host_;
  int64_t& function_;
  loop::Event& quiet_;
};

// How long a call may wait for a worker: its own timeout, and a start's when it may have to wait
// for one.
Instant lease_deadline(Instant now, const catalog::Limits& limits) {
  return after(after(now, limits.timeout), limits.start_timeout);
}

void set_deadline(worker::Call& call, const catalog::Limits& limits, Instant now, int64_t unix_ms) {
  call.deadline = std::min(after(now, limits.timeout), call.due);
  call.deadline_unix_ms = unix_ms + static_cast<int64_t>(to_ms(call.deadline - now));
}

Error about(Error error, const std::string& function) {
  error.details.emplace_back("function", function);
  return error;
}

}  // namespace

Dispatcher::Dispatcher(Surroundings around)
    : around_(around),
      snapshot_(std::make_shared<catalog::Snapshot>()),
      quiet_(around.loop),
      scope_(around.loop) {}

Dispatcher::~Dispatcher() = default;

// The life of a call, in order.
loop::Task<Result<worker::Reply>> Dispatcher::invoke(worker::Call call) {
  // Admit.
  if (draining_) co_return Error{ErrorCode::kUnavailable, "the host is shutting down", "try again"};
  if (call.id.empty()) call.id = new_call_id(around_.clock.unix_ms());

  // Resolve.
  auto found = resolve(call.function);
  if (!found) co_return about(std::move(found).error(), call.function);
  ServedPtr served = std::move(*found);
  const catalog::Limits& limits = served->spec().limits;
  if (call.input.size() > limits.payload_bytes)
    co_return about({ErrorCode::kPayloadTooLarge,
                     "the body has " + std::to_string(call.input.size()) +
                         " bytes, limits.payload is " + wire::format_size(limits.payload_bytes)},
                    call.function);
  telemetry::FunctionStats& stats = around_.stats.of(call.function);
  InFlightCount counted{in_flight_, stats.in_flight, quiet_};
  Instant arrived = around_.loop.now();

  // Prepare.
  if (!served->prepared()) {
    Status prepared = co_await served->prepare();
    if (!prepared) {
      Result<worker::Reply> outcome{about(prepared.error(), call.function)};
      settle(stats, outcome, {});
      log_failure(call, outcome.error());
      co_return outcome;
    }
  }

  // Check out.
  Instant patience = std::min(lease_deadline(around_.loop.now(), limits), call.due);
  auto lease = co_await served->pool()->lease(patience);
  if (!lease) {
    Result<worker::Reply> outcome{about(std::move(lease).error(), call.function)};
    settle(stats, outcome, {around_.loop.now() - arrived, {}, {}});
    log_failure(call, outcome.error());
    co_return outcome;
  }
  worker::Timing timing{lease->queued(), lease->started(), {}};

  // Run, with a deadline.
  if (served->spec().interface == "stdio") {
    call.public_url = public_url_;
    call.internal_token = around_.tokens.issue(call.function);
  }
  Instant begin = around_.loop.now();
  set_deadline(call, limits, begin, around_.clock.unix_ms());
  Result<worker::Reply> outcome = co_await lease->begin().invoke(call);
  timing.run = around_.loop.now() - begin;

  // Settle.
  if (outcome.ok() || outcome.error().code == ErrorCode::kFunctionError) lease->succeeded();
  settle(stats, outcome, timing);
  if (!outcome) {
    log_failure(call, outcome.error());
    co_return about(std::move(outcome).error(), call.function);
  }
  outcome->timing = timing;
  co_return outcome;
}

Result<ServedPtr> Dispatcher::resolve(const std::string& function) {
  auto serving = serving_.find(function);
  if (serving != serving_.end()) return serving->second;
  catalog::FunctionPtr spec = snapshot_->find(function);
  if (!spec) return not_found(function);
  catalog::RuntimePtr runtime = snapshot_->runtime(spec->runtime);
  if (!runtime)
    return Error{ErrorCode::kRuntimeNotAvailable, "there is no runtime " + spec->runtime};
  auto nursery = nurseries_.find(spec->runtime);
  bool has_nursery = nursery != nurseries_.end() && catalog::may_start_blank(spec->dir, *runtime);
  Served::Surroundings around{around_.loop,     around_.clock,
                              around_.logs,     around_.builder,
                              around_.launcher, has_nursery ? nursery->second : nullptr};
  return serving_.emplace(function, std::make_shared<Served>(around, spec, runtime)).first->second;
}

Error Dispatcher::not_found(const std::string& function) const {
  if (const catalog::Problem* problem = snapshot_->problem(function)) return problem->error;
  Error error{ErrorCode::kFunctionNotFound, "there is no function \"" + function + "\""};
  std::string near = wire::nearest(function, snapshot_->names());
  error.hint = near.empty() ? "`trivet ls` lists the functions" : "did you mean \"" + near + "\"?";
  return error;
}

// What failed in a function, or in starting it, is told to its author too, not only to the caller.
void Dispatcher::log_failure(const worker::Call& call, const Error& error) {
  constexpr ErrorCode kNotTheFunctions[] = {ErrorCode::kOverloaded, ErrorCode::kUnavailable,
                                            ErrorCode::kCancelled, ErrorCode::kInvalidInput,
                                            ErrorCode::kPayloadTooLarge};
  if (std::find(std::begin(kNotTheFunctions), std::end(kNotTheFunctions), error.code) !=
      std::end(kNotTheFunctions))
    return;
  LogLine line;
  line.time_ms = around_.clock.unix_ms();
  line.function = call.function;
  line.call_id = call.id;
  line.level = LogLevel::kError;
  line.stream = LogStream::kHost;
  line.message = error.text();
  for (const auto& [key, value] : error.details)
    if (key == "stack" || key == "output") line.message += "\n" + value;
  if (line.message.size() > limits::kLogLineMax) line.message.resize(limits::kLogLineMax);
  around_.logs.write(std::move(line));
}

void Dispatcher::settle(telemetry::FunctionStats& stats, const Result<worker::Reply>& outcome,
                        const worker::Timing& timing) {
  ++stats.calls;
  stats.run.observe(timing.run);
  stats.queue.observe(timing.queue);
  if (timing.start > Duration::zero()) {
    ++stats.cold_starts;
    stats.start.observe(timing.start);
  }
  if (outcome.ok())
    ++stats.ok;
  else
    ++stats.errors[static_cast<size_t>(outcome.error().code)];
}

void Dispatcher::keep_warm(int64_t spare_bytes) {
  spare_bytes_ = spare_bytes;
  adopt_nurseries();
}

// One nursery for every runtime that has a function. One whose runtime has changed lives on with
// the workers that came of it.
void Dispatcher::adopt_nurseries() {
  if (!spare_bytes_) return;
  std::map<std::string, std::shared_ptr<pool::Nursery>, std::less<>> next;
  for (const auto& [name, spec] : snapshot_->functions) {
    if (next.count(spec->runtime)) continue;
    auto runtime = snapshot_->runtime(spec->runtime);
    if (!runtime || !runtime->available() || runtime->start == catalog::Start::kExec) continue;
    catalog::Words words;
    words.binary = runtime->binary;
    words.runtime = runtime->dir.string();
    words.runtimes = runtime->dir.parent_path().string();
    pool::Nursery::Plan plan{runtime->name,
                             runtime->start,
                             catalog::expand(runtime->pool_command, words),
                             builder::base_environment(runtime->env),
                             runtime->warm_oneshot,
                             *spare_bytes_};
    auto kept = nurseries_.find(spec->runtime);
    if (kept != nurseries_.end() && kept->second->plan() == plan) {
      next.insert(*kept);
      continue;
    }
    auto nursery = std::make_shared<pool::Nursery>(
        worker::Process::Surroundings{around_.loop, around_.clock, around_.logs, around_.launcher},
        std::move(plan));
    nursery->open();
    next.emplace(spec->runtime, std::move(nursery));
  }
  nurseries_ = std::move(next);
}

void Dispatcher::adopt(catalog::SnapshotPtr snapshot) {
  snapshot_ = std::move(snapshot);
  adopt_nurseries();
  std::vector<std::string> replaced;
  for (auto it = serving_.begin(); it != serving_.end();) {
    auto current = snapshot_->find(it->first);
    bool same = current == it->second->spec_ptr() &&
                snapshot_->runtime(it->second->spec().runtime).get() == &it->second->runtime();
    if (same) {
      ++it;
      continue;
    }
    if (current && it->second->prepared()) replaced.push_back(it->first);
    retire(it->second, EndReason::kReplaced);
    it = serving_.erase(it);
  }
  struct Warm {
    static loop::Task<> run(ServedPtr served) {
      Status prepared = co_await served->prepare();
      if (prepared) served->pool()->warm();
    }
  };
  for (const auto& [name, spec] : snapshot_->functions) {
    bool eager = spec->scale.min > 0 || spec->scale.start == catalog::StartPolicy::kEager;
    bool was_used = std::find(replaced.begin(), replaced.end(), name) != replaced.end();
    if (!eager && !was_used) continue;
    if (auto served = resolve(name)) scope_.spawn(Warm::run(*served));
  }
}

void Dispatcher::retire(ServedPtr served, EndReason reason) {
  if (!served->prepared()) {
    if (served.use_count() > 2)
      scope_.spawn(retire_when_prepared(std::move(served), reason));  // calls wait for its build
    return;
  }
  served->pool()->drain(reason);
  retiring_.push_back(served);
  scope_.spawn(bury(served));
}

loop::Task<> Dispatcher::retire_when_prepared(ServedPtr served, EndReason reason) {
  Status prepared = co_await served->prepare();
  if (prepared) retire(served, reason);
}

loop::Task<> Dispatcher::bury(ServedPtr served) {
  co_await served->pool()->drained_event().wait();
  const auto& ends = served->pool()->counts().ends;
  for (size_t i = 0; i < ends.size(); ++i) past_ends_[i] += ends[i];
  retiring_.erase(std::remove(retiring_.begin(), retiring_.end(), served), retiring_.end());
}

loop::Task<Status> Dispatcher::prepare(std::string function) {
  auto served = resolve(function);
  if (!served) co_return std::move(served).error();
  co_return co_await (*served)->prepare();
}

loop::Task<> Dispatcher::drain(Instant deadline) {
  draining_ = true;
  quiet_.reset();
  if (in_flight_ > 0) co_await quiet_.wait(deadline);
  for (auto& [name, served] : serving_) retire(served, EndReason::kShutdown);
  serving_.clear();
  auto pools = retiring_;
  for (auto& served : pools)  // whoever still has a call had its time
    if (served->pool()->in_flight() > 0) served->pool()->kill(EndReason::kShutdown);
  Instant grace = after(around_.loop.now(), limits::kStopGrace);
  for (auto& served : pools) co_await served->pool()->drained_event().wait(grace);
  for (auto& served : pools) served->pool()->kill(EndReason::kShutdown);
  for (auto& served : pools)
    co_await served->pool()->drained_event().wait(after(around_.loop.now(), limits::kStopGrace));
}

std::vector<Dispatcher::WorkerRow> Dispatcher::workers() const {
  std::vector<WorkerRow> rows;
  auto add = [&rows](const Served& served, bool retiring) {
    if (!served.pool()) return;
    for (auto& view : served.pool()->workers())
      rows.push_back(
          {served.spec().name, served.runtime().name, served.spec().version, retiring, view});
  };
  for (const auto& [name, served] : serving_) add(*served, false);
  for (const auto& served : retiring_) add(*served, true);
  return rows;
}

std::vector<Dispatcher::ZygoteRow> Dispatcher::zygotes_and_spares() const {
  std::vector<ZygoteRow> rows;
  for (const auto& [runtime, nursery] : nurseries_)
    for (const auto& row : nursery->rows()) rows.push_back({runtime, "", row});
  auto add = [&rows](const Served& served) {
    if (!served.starter() || served.starter()->zygote_pid() == 0) return;
    rows.push_back({served.runtime().name,
                    served.spec().name,
                    {served.starter()->zygote_pid(), true, true, served.starter()->zygote_age()}});
  };
  for (const auto& [name, served] : serving_) add(*served);
  for (const auto& served : retiring_) add(*served);
  return rows;
}

std::string Dispatcher::not_forked(std::string_view function) const {
  auto serving = serving_.find(function);
  if (serving == serving_.end() || !serving->second->starter()) return {};
  return serving->second->starter()->not_forked();
}

std::array<int64_t, worker::kEndReasonCount> Dispatcher::worker_ends() const {
  auto total = past_ends_;
  auto add = [&total](const Served& served) {
    if (!served.pool()) return;
    for (size_t i = 0; i < total.size(); ++i) total[i] += served.pool()->counts().ends[i];
  };
  for (const auto& [name, served] : serving_) add(*served);
  for (const auto& served : retiring_) add(*served);
  return total;
}

}  // namespace trivet::dispatch
