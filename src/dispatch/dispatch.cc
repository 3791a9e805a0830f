#include "dispatch/dispatch.h"

#include <algorithm>

#include "base/ids.h"
#include "wire/json.h"
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
Instant lease_deadline(Instant now, const worker::Call& call, const catalog::Limits& limits) {
  return std::min(call.latest, after(after(now, limits.timeout), limits.start_timeout));
}

void set_deadline(worker::Call& call, const catalog::Limits& limits, Instant now, int64_t unix_ms) {
  call.deadline = std::min(call.latest, after(now, limits.timeout));
  call.deadline_unix_ms = unix_ms + static_cast<int64_t>(to_ms(call.deadline - now));
}

// Why a call that inherited its deadline got no worker.
Error without_worker(Error error, const worker::Call& call, Instant now) {
  if (error.code != ErrorCode::kOverloaded || call.parent_name.empty() || now < call.latest)
    return error;
  return {ErrorCode::kFunctionTimeout,
          "no worker of " + call.function + " became free before the deadline that its caller, " +
              call.parent_name + ", gave it",
          "raise scale.max, or the timeout"};
}

Error shutting_down() {
  return {ErrorCode::kUnavailable, "the host is shutting down", "try again"};
}

Error about(Error error, const std::string& function) {
  error.details.emplace_back("function", function);
  return error;
}

}  // namespace

Dispatcher::Dispatcher(Surroundings around)
    : around_(around),
      snapshot_(std::make_shared<catalog::Snapshot>()),
      secrets_(std::make_shared<vault::Values>()),
      nurseries_({around.loop, around.clock, around.logs, around.launcher}),
      quiet_(around.loop),
      switched_(around.loop),
      scope_(around.loop) {
  switched_.set();
}

// Workers that still have calls may hold calls of other functions: they go while all parts are
// here.
Dispatcher::~Dispatcher() {
  scope_.cancel();
  coming_.clear();
  retiring_.clear();
  serving_.clear();
}

// The life of a call, in order.
loop::Task<Result<worker::Reply>> Dispatcher::invoke(worker::Call call) {
  if (!part(call.function)) co_return co_await around_.neighbours->invoke(std::move(call));

  // Admit.
  if (Status admitted = admit(call); !admitted)
    co_return about(std::move(admitted).error(), call.function);

  // Resolve.
  auto found = resolve_for(call);
  if (!found) co_return about(std::move(found).error(), call.function);
  ServedPtr served = std::move(*found);
  telemetry::FunctionStats& stats = around_.stats.of(call.function);
  InFlightCount counted{in_flight_, stats.in_flight, quiet_};
  Instant arrived = around_.loop.now();

  // Prepare.
  if (!served->prepared()) {
    auto prepared = co_await prepare_for(call, std::move(served));
    if (!prepared) {
      Result<worker::Reply> outcome{about(prepared.error(), call.function)};
      settle(stats, outcome, {});
      log_failure(call, outcome.error());
      co_return outcome;
    }
    served = std::move(*prepared);
  }
  const catalog::Limits& limits = served->spec().limits;

  // Check out.
  auto lease = co_await served->pool()->lease(lease_deadline(around_.loop.now(), call, limits));
  if (!lease) {
    Error why = without_worker(std::move(lease).error(), call, around_.loop.now());
    served->clean(why);
    Result<worker::Reply> outcome{about(std::move(why), call.function)};
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
  if (outcome.ok())
    lease->succeeded();
  else
    lease->failed(outcome.error());
  if (!outcome) served->clean(outcome.error());
  settle(stats, outcome, timing);
  if (!outcome) {
    log_failure(call, outcome.error());
    co_return about(std::move(outcome).error(), call.function);
  }
  outcome->timing = timing;
  co_return outcome;
}

// What this shard has of a function; none: it lives on another.
std::optional<Part> Dispatcher::part(std::string_view function) const {
  return around_.neighbours ? around_.neighbours->part(function) : Part{};
}

Nurseries::Wanted Dispatcher::lives_here() const {
  return [this](std::string_view function) { return part(function).has_value(); };
}

Status Dispatcher::admit(worker::Call& call) {
  if (closed_ || (draining_ && call.depth == 0)) return shutting_down();
  if (call.id.empty()) call.id = new_call_id(around_.clock.unix_ms());
  if (call.depth == 0) return {};
  if (call.depth > limits::kCallDepthMax)
    return Error{ErrorCode::kLoopDetected,
                 call.parent_name + " called " + call.function + " in " +
                     std::to_string(limits::kCallDepthMax) +
                     " nested calls already, which is the most",
                 "functions that call each other in a circle never end"};
  LogLine line;
  line.time_ms = around_.clock.unix_ms();
  line.function = call.function;
  line.call_id = call.id;
  line.level = LogLevel::kDebug;
  line.stream = LogStream::kHost;
  line.message = "called by " + call.parent_name;
  wire::ObjectWriter{line.fields}
      .text("parent", call.parent)
      .number("depth", int64_t{call.depth})
      .close();
  around_.logs.write(std::move(line));
  return {};
}

// The version that answers this call, as things stand now.
Result<ServedPtr> Dispatcher::resolve_for(const worker::Call& call) {
  auto served = resolve(call.function);
  if (!served) return served;
  size_t most = (*served)->spec().limits.payload_bytes;
  if (call.input.size() > most)
    return Error{ErrorCode::kPayloadTooLarge, "the body has " + std::to_string(call.input.size()) +
                                                  " bytes, limits.payload is " +
                                                  wire::format_size(most)};
  return served;
}

// Waits for a build. A call whose version is replaced meanwhile begins again with the new one, once
// in any case and then for as long as it could have waited for a worker; the rest of its life has
// no such turn, for a version that has a pool serves all that wait in it.
loop::Task<Result<ServedPtr>> Dispatcher::prepare_for(worker::Call& call, ServedPtr served) {
  Instant arrived = around_.loop.now();
  for (bool again = false;; again = true) {
    Status prepared = co_await served->prepare();
    if (!served->retired) {
      if (!prepared) co_return std::move(prepared).error();
      co_return served;
    }
    if (closed_) co_return shutting_down();
    Instant until = lease_deadline(arrived, call, served->spec().limits);
    if (again && around_.loop.now() >= until)
      co_return Error{ErrorCode::kUnavailable,
                      call.function + " was replaced again and again while it was being built",
                      "try again"};
    auto next = resolve_for(call);
    if (!next) co_return std::move(next).error();
    served = std::move(*next);
  }
}

Result<ServedPtr> Dispatcher::resolve(const std::string& function) {
  auto serving = serving_.find(function);
  if (serving != serving_.end()) return serving->second;
  catalog::FunctionPtr spec = snapshot_->find(function);
  if (!spec) return not_found(function);
  catalog::RuntimePtr runtime = snapshot_->runtime_of(*spec);
  if (!runtime)
    return Error{ErrorCode::kRuntimeNotAvailable, "there is no runtime " + spec->runtime};
  return serving_.emplace(function, make_served(std::move(spec), std::move(runtime))).first->second;
}

ServedPtr Dispatcher::make_served(catalog::FunctionPtr spec, catalog::RuntimePtr runtime) {
  Served::Surroundings around{around_.loop,
                              around_.clock,
                              around_.logs,
                              around_.artifacts,
                              *this,
                              around_.launcher,
                              [this](const auto& function, const auto& of, const auto& prepared) {
                                learn_prepared(of, prepared);
                                return nurseries_.of(function, *of);
                              },
                              around_.budget,
                              part(spec->name).value_or(Part{}),
                              around_.factories,
                              secrets_};
  return std::make_shared<Served>(std::move(around), std::move(spec), std::move(runtime));
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
  constexpr ErrorCode kNotTheFunctions[] = {ErrorCode::kOverloaded,   ErrorCode::kCircuitOpen,
                                            ErrorCode::kUnavailable,  ErrorCode::kCancelled,
                                            ErrorCode::kInvalidInput, ErrorCode::kPayloadTooLarge};
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
  if (!call.parent.empty()) wire::ObjectWriter{line.fields}.text("parent", call.parent).close();
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
  nurseries_.open(spare_bytes);
  keep_nurseries();
}

loop::Task<Status> Dispatcher::prepare(std::string function) {
  if (!part(function)) co_return co_await around_.neighbours->prepare(std::move(function));
  auto served = resolve(function);
  if (!served) co_return std::move(served).error();
  co_return co_await (*served)->build_only();
}

std::optional<Error> Dispatcher::lacks_secrets(const catalog::FunctionSpec& spec) const {
  if (!wants_secrets(spec)) return std::nullopt;
  auto found = secrets_of(spec, *secrets_);
  return found ? std::nullopt : std::optional<Error>{std::move(found).error()};
}

template <class F>
void Dispatcher::each_pool(F visit) const {
  for (const auto& [name, served] : serving_)
    if (served->pool()) visit(*served, false);
  for (const auto& [name, served] : coming_)
    if (served->pool()) visit(*served, false);
  for (const auto& served : retiring_)
    if (served->pool()) visit(*served, true);
}

std::vector<Dispatcher::WorkerRow> Dispatcher::workers() const {
  std::vector<WorkerRow> rows;
  each_pool([&rows](const Served& served, bool retiring) {
    for (auto& view : served.pool()->workers())
      rows.push_back(
          {served.spec().name, served.runtime().name, served.spec().version, retiring, view});
  });
  return rows;
}

std::vector<Dispatcher::PoolRow> Dispatcher::pools() const {
  std::vector<PoolRow> rows;
  each_pool([&rows](const Served& served, bool retiring) {
    rows.push_back({served.spec().name, served.runtime().name, served.spec().version, retiring,
                    served.pool()->view()});
  });
  return rows;
}

bool Dispatcher::waits_beside_free() const {
  bool found = false;
  each_pool([&found](const Served& served, bool) {
    found = found || served.pool()->waits_beside_free();
  });
  return found;
}

std::vector<Nurseries::Row> Dispatcher::zygotes_and_spares() const {
  auto rows = nurseries_.rows();
  each_pool([&rows](const Served& served, bool) {
    const Starter* starter = served.starter();
    if (!starter || starter->zygote_pid() == 0) return;
    rows.push_back({served.runtime().name,
                    served.spec().name,
                    {starter->zygote_pid(), true, true, starter->zygote_age()}});
  });
  return rows;
}

std::map<std::string, std::string> Dispatcher::not_forked() const {
  std::map<std::string, std::string> why;
  for (const auto& [name, served] : serving_)
    if (served->starter() && !served->starter()->not_forked().empty())
      why.emplace(name, served->starter()->not_forked());
  return why;
}

std::array<int64_t, worker::kEndReasonCount> Dispatcher::worker_ends() const {
  auto total = past_ends_;
  each_pool([&total](const Served& served, bool) {
    for (size_t i = 0; i < total.size(); ++i) total[i] += served.pool()->counts().ends[i];
  });
  return total;
}

}  // namespace trivet::dispatch
