#include "gateway/views.h"

#include <algorithm>
#include <boost/json.hpp>

#include "catalog/confinement.h"
#include "catalog/discovery.h"
#include "catalog/route_shape.h"
#include "os/spawn.h"
#include "wire/text.h"

namespace trivet::gateway {
namespace {

namespace json = wire::json;
using dispatch::Census;

json::array texts(const std::vector<std::string>& items) {
  json::array out;
  for (const auto& item : items) out.emplace_back(item);
  return out;
}

json::object problem_row(const catalog::Problem& problem) {
  json::object row{{"file", problem.file.string()},
                   {"code", traits(problem.error.code).name},
                   {"message", problem.error.message},
                   {"hint", problem.error.hint}};
  row["function"] = problem.function.empty() ? json::value(nullptr) : json::value(problem.function);
  return row;
}

json::object calls_row(const telemetry::FunctionStats& stats) {
  json::object errors;
  for (size_t i = 0; i < stats.errors.size(); ++i)
    if (stats.errors[i] > 0) errors[traits(static_cast<ErrorCode>(i)).name] = stats.errors[i];
  auto mean_ms = [](const telemetry::Histogram& h) {
    return h.count ? h.sum_s / static_cast<double>(h.count) * 1000 : 0.0;
  };
  return {{"calls", stats.calls},
          {"ok", stats.ok},
          {"errors", std::move(errors)},
          {"in_flight", stats.in_flight},
          {"cold_starts", stats.cold_starts},
          {"run_mean_ms", mean_ms(stats.run)},
          {"start_mean_ms", mean_ms(stats.start)}};
}

json::object reasons(const std::array<int64_t, worker::kEndReasonCount>& ends) {
  json::object out;
  for (size_t i = 0; i < ends.size(); ++i)
    if (ends[i] > 0) out[worker::name(static_cast<worker::EndReason>(i))] = ends[i];
  return out;
}

}  // namespace

json::object function_row(const catalog::FunctionSpec& spec, const catalog::Snapshot& snapshot) {
  auto runtime = snapshot.runtime_of(spec);
  json::object row{{"name", spec.name},
                   {"runtime", spec.runtime},
                   {"runtime_version", runtime ? runtime->version : ""},
                   {"runtime_asked", spec.runtime_version},
                   {"available", runtime && runtime->available()},
                   {"interface", spec.interface},
                   {"mode", spec.mode == catalog::Mode::kPool ? "pool" : "oneshot"},
                   {"path", spec.dir.string()},
                   {"entrypoint", spec.entrypoint},
                   {"description", spec.description},
                   {"version", spec.version},
                   {"timeout_ms", static_cast<int64_t>(to_ms(spec.limits.timeout))},
                   {"notes", texts(spec.notes)}};
  return row;
}

std::vector<catalog::Problem> secret_problems(const dispatch::Dispatcher& dispatcher) {
  std::vector<catalog::Problem> out;
  const auto& snapshot = *dispatcher.snapshot();
  for (const auto& name : snapshot.names()) {
    auto spec = snapshot.find(name);
    if (auto lacks = dispatcher.lacks_secrets(*spec))
      out.push_back({name, spec->manifest, std::move(*lacks)});
  }
  return out;
}

namespace {

json::value functions_view(const ViewSources& from) {
  const auto& snapshot = *from.dispatcher.snapshot();
  json::array functions, problems;
  for (const auto& name : snapshot.names())
    functions.push_back(function_row(*snapshot.find(name), snapshot));
  for (const auto& problem : snapshot.problems) problems.push_back(problem_row(problem));
  for (const auto& problem : secret_problems(from.dispatcher))
    problems.push_back(problem_row(problem));
  return json::object{{"functions", std::move(functions)}, {"problems", std::move(problems)}};
}

json::value unless_none(int64_t number, json::value shown) {
  return number == 0 ? json::value(nullptr) : std::move(shown);
}

// How workers are confined; null: no limit.
json::object sandbox_row(const catalog::FunctionSpec& spec,
                         const std::vector<sandbox::Layer>& limits) {
  const auto& most = spec.policy.limits;
  auto size = [](auto bytes) {
    return unless_none(static_cast<int64_t>(bytes),
                       wire::format_size(static_cast<size_t>(bytes)).c_str());
  };
  json::array weakened;
  for (const auto& found :
       {catalog::weakenings(spec), catalog::weakenings_by_machine(spec, limits)})
    for (const auto& weakening : found)
      weakened.push_back(json::object{{"what", weakening.what}, {"by", weakening.by}});
  return {{"level", sandbox::name(spec.policy.level)},
          {"weakened", std::move(weakened)},
          {"limits",
           {{"memory", size(most.memory_bytes)},
            {"cpu", unless_none(most.cpu_percent, most.cpu_percent / 100.0)},
            {"pids", unless_none(most.pids, most.pids)},
            {"files", unless_none(most.files, most.files)},
            {"disk", size(most.disk_bytes)},
            {"logs_per_second", size(spec.limits.log_bytes_per_second)}}}};
}

Result<json::value> function_view(const ViewSources& from, const Census& census,
                                  std::string_view name) {
  const auto& snapshot = *from.dispatcher.snapshot();
  auto spec = snapshot.find(name);
  if (!spec) {
    if (const auto* problem = snapshot.problem(name)) return problem->error;
    return Error{ErrorCode::kFunctionNotFound, "there is no function \"" + std::string{name} + "\"",
                 "`trivet ls` lists the functions"};
  }
  json::object row = function_row(*spec, snapshot);
  auto runtime = snapshot.runtime_of(*spec);
  row["binary"] = runtime ? runtime->binary : "";
  row["handler"] = spec->handler;
  row["manifest"] = spec->manifest.string();
  row["pristine"] = spec->pristine;
  const auto& scale = spec->scale;
  row["scale"] = {{"min", scale.min},
                  {"max", scale.max},
                  {"overflow", scale.overflow},
                  {"concurrency", scale.concurrency},
                  {"queue", scale.queue},
                  {"shards", scale.shards},
                  {"idle", wire::format_duration(scale.idle)},
                  {"start", scale.start == catalog::StartPolicy::kEager ? "eager" : "lazy"}};
  row["limits"] = {{"timeout", wire::format_duration(spec->limits.timeout)},
                   {"start_timeout", wire::format_duration(spec->limits.start_timeout)},
                   {"payload", wire::format_size(spec->limits.payload_bytes)}};
  row["sandbox"] = sandbox_row(*spec, from.limits());
  json::array env, routes, workers;
  for (const auto& [key, value] : spec->env)
    env.emplace_back(key);  // names only: values may be private
  for (const auto& route : spec->routes) routes.emplace_back(catalog::route_text(route));
  for (const auto& worker : census.workers)
    if (worker.function == spec->name) workers.emplace_back(worker.view.pid);
  for (const auto& [key, parts] : spec->secret_env) env.emplace_back(key);
  row["env"] = std::move(env);
  row["secrets"] = texts(spec->secrets);
  auto lacks = from.dispatcher.lacks_secrets(*spec);
  row["problem"] = lacks ? json::value(lacks->message) : json::value(nullptr);
  row["routes"] = std::move(routes);
  row["workers"] = std::move(workers);
  auto not_forked = census.not_forked.find(spec->name);
  row["not_forked"] = not_forked == census.not_forked.end() ? "" : not_forked->second;
  auto stats = census.stats.functions().find(name);
  row["stats"] = calls_row(stats == census.stats.functions().end() ? telemetry::FunctionStats{}
                                                                   : stats->second);
  if (!spec->sample_input.empty())
    if (auto sample = wire::parse_json(spec->sample_input)) row["sample_input"] = *sample;
  return json::value(std::move(row));
}

// Of the starts that calls of this runtime's functions have waited for; null before the first.
json::value mean_start_ms(const ViewSources& from, const Census& census,
                          const catalog::RuntimePtr& runtime) {
  double sum_s = 0;
  int64_t count = 0;
  const auto& snapshot = *from.dispatcher.snapshot();
  for (const auto& [name, spec] : snapshot.functions) {
    if (snapshot.runtime_of(*spec) != runtime) continue;
    auto found = census.stats.functions().find(name);
    if (found == census.stats.functions().end()) continue;
    sum_s += found->second.start.sum_s;
    count += found->second.start.count;
  }
  if (count == 0) return nullptr;
  return sum_s * 1000 / static_cast<double>(count);
}

// Of one runtime: the default first, then the others, newest first.
json::array versions_of(const ViewSources& from, const Census& census,
                        const catalog::RuntimePtr& runtime) {
  std::vector<catalog::RuntimePtr> found;
  for (const auto& [name, version] : from.dispatcher.snapshot()->versions)
    if (version->family() == runtime->name) found.push_back(version);
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return catalog::version_newer(a->version, b->version);
  });
  if (runtime->available()) found.insert(found.begin(), runtime);
  json::array out;
  for (const auto& version : found)
    out.push_back(json::object{{"name", version->name},
                               {"version", version->version},
                               {"binary", version->binary},
                               {"default", version == runtime},
                               {"cold_ms", mean_start_ms(from, census, version)}});
  return out;
}

json::value runtimes_view(const ViewSources& from, const Census& census) {
  json::array out;
  for (const auto& [name, runtime] : from.dispatcher.snapshot()->runtimes) {
    json::array modes;
    if (runtime->keeps_workers()) modes.emplace_back("pool");
    if (!runtime->oneshot_command.empty()) modes.emplace_back("oneshot");
    out.push_back(json::object{{"name", name},
                               {"title", runtime->title},
                               {"version", runtime->version},
                               {"available", runtime->available()},
                               {"reason", runtime->reason},
                               {"install", runtime->install},
                               {"binary", runtime->binary},
                               {"folder", runtime->dir.string()},
                               {"modes", std::move(modes)},
                               {"interfaces", texts(runtime->interfaces)},
                               {"extensions", texts(runtime->extensions)},
                               {"start", catalog::name(runtime->start)},
                               {"untested", runtime->untested},
                               {"cold_ms", mean_start_ms(from, census, runtime)},
                               {"versions", versions_of(from, census, runtime)}});
  }
  return out;
}

}  // namespace

json::value workers_view(const Census& census, Memory memory) {
  json::array out;
  for (const auto& row : census.workers)
    out.push_back(json::object{{"kind", "worker"},
                               {"function", row.function},
                               {"runtime", row.runtime},
                               {"version", row.version},
                               {"pid", row.view.pid},
                               {"state", row.retiring ? "retiring" : row.view.state},
                               {"busy", row.view.busy},
                               {"calls", row.view.calls},
                               {"age_ms", static_cast<int64_t>(to_ms(row.view.age))},
                               {"idle_ms", static_cast<int64_t>(to_ms(row.view.idle))}});
  for (const auto& [runtime, function, row] : census.zygotes_and_spares)
    out.push_back(json::object{{"kind", row.is_zygote ? "zygote" : "spare"},
                               {"function", function},
                               {"runtime", runtime},
                               {"version", ""},
                               {"pid", row.pid},
                               {"state", row.is_ready ? "ready" : "starting"},
                               {"busy", 0},
                               {"calls", 0},
                               {"age_ms", static_cast<int64_t>(to_ms(row.age))},
                               {"idle_ms", static_cast<int64_t>(to_ms(row.age))}});
  for (auto& row : out)
    if (memory == Memory::kLookedAt)
      row.as_object()["memory_bytes"] =
          os::memory_share(static_cast<pid_t>(wire::get_int(row.as_object(), "pid")));
  return out;
}

namespace {

json::value pools_view(const ViewSources& from, const Census& census) {
  json::array out;
  Instant now = from.clock.now();
  for (const auto& row : census.pools) {
    const pool::PoolView& pool = row.view;
    json::array exits;
    for (const auto& exit : pool.exits)
      exits.push_back(json::object{{"pid", exit.pid},
                                   {"reason", worker::name(exit.reason)},
                                   {"text", exit.text},
                                   {"ago_ms", static_cast<int64_t>(to_ms(now - exit.at))}});
    out.push_back(json::object{{"function", row.function},
                               {"runtime", row.runtime},
                               {"version", row.version},
                               {"shard", row.shard},
                               {"state", row.retiring ? "retiring" : "serving"},
                               {"workers", pool.workers},
                               {"starting", pool.starting},
                               {"busy", pool.busy},
                               {"waiting", pool.waiting},
                               {"starts", pool.starts},
                               {"refused", pool.refused},
                               {"breaker", pool.breaker},
                               {"breaker_opened", pool.breaker_opened},
                               {"last_exits", std::move(exits)}});
  }
  return out;
}

json::object budget_row(const Census& census) {
  return {{"workers", census.budget_workers},
          {"max_workers", census.max_workers},
          {"memory_estimate", census.budget_memory},
          {"max_memory", census.max_memory},
          {"short_of_workers", census.budget_refused}};
}

}  // namespace

json::value stats_view(const ViewSources& from, const Census& census) {
  const auto& snapshot = *from.dispatcher.snapshot();
  json::object functions;
  int64_t calls = 0, ok = 0, cold = 0, over_limit = 0;
  for (const auto& [function, lines] : from.logs.over_limit()) over_limit += lines;
  for (const auto& [name, stats] : census.stats.functions()) {
    functions[name] = calls_row(stats);
    calls += stats.calls;
    ok += stats.ok;
    cold += stats.cold_starts;
  }
  return json::object{{"uptime_ms", static_cast<int64_t>(to_ms(from.clock.now() - from.started))},
                      {"functions", snapshot.functions.size()},
                      {"problems", snapshot.problems.size()},
                      {"workers", census.workers.size()},
                      {"budget", budget_row(census)},
                      {"worker_ends", reasons(census.worker_ends)},
                      {"calls", calls},
                      {"errors", calls - ok},
                      {"in_flight", census.in_flight},
                      {"cold_starts", cold},
                      {"log_lines", from.logs.written()},
                      {"log_lines_dropped", from.logs.dropped()},
                      {"log_lines_over_limit", over_limit},
                      {"by_function", std::move(functions)}};
}

Result<json::value> view_by_path(const ViewSources& from, const Census& census,
                                 std::string_view path) {
  constexpr std::string_view kFunction = "/v1/functions/";
  if (path == "/v1/functions") return functions_view(from);
  if (path == "/v1/runtimes") return runtimes_view(from, census);
  if (path == "/v1/workers") return workers_view(census, Memory::kLeftOut);
  if (path == "/v1/workers/memory") return workers_view(census, Memory::kLookedAt);
  if (path == "/v1/pools") return pools_view(from, census);
  if (path == "/v1/stats") return stats_view(from, census);
  if (path.starts_with(kFunction))
    return function_view(from, census, path.substr(kFunction.size()));
  return Error{ErrorCode::kNotFound, "there is no page " + std::string{path}, "see /openapi.json"};
}

}  // namespace trivet::gateway
