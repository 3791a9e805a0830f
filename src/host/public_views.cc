#include "host/public_views.h"

#include "base/clock.h"
#include "base/ids.h"
#include "catalog/confinement.h"

namespace trivet {

worker::Call call_of(CallRequest request, int64_t unix_ms, Instant now) {
  worker::Call call;
  call.id = std::move(request.call_id);
  if (call.id.empty()) call.id = new_call_id(unix_ms);
  call.function = std::move(request.function);
  call.input = std::move(request.input);
  call.auth = std::move(request.auth);
  if (!request.module.empty() || !request.member.empty())
    call.target = {std::move(request.module), std::move(request.member)};
  if (request.wait_ms > 0) call.latest = after(now, std::chrono::milliseconds{request.wait_ms});
  if (!request.headers.empty()) {
    call.request.emplace();
    call.request->headers = std::move(request.headers);
  }
  return call;
}

CallReply reply_of(std::string call_id, worker::Reply reply) {
  CallReply out;
  out.call_id = std::move(call_id);
  out.status = reply.status;
  out.headers = std::move(reply.headers);
  out.body = std::move(reply.body);
  out.queue_ms = to_ms(reply.timing.queue);
  out.start_ms = to_ms(reply.timing.start);
  out.run_ms = to_ms(reply.timing.run);
  return out;
}

std::vector<std::string> weakened_by_manifest(const catalog::FunctionSpec& spec) {
  std::vector<std::string> out;
  for (auto& weakening : catalog::weakenings(spec))
    if (weakening.by == "manifest") out.push_back(std::move(weakening.what));
  return out;
}

static FunctionView view_of(const catalog::FunctionSpec& spec, const catalog::Snapshot& snapshot) {
  auto runtime = snapshot.runtime_of(spec);
  return {spec.name,
          spec.runtime,
          runtime ? runtime->version : "",
          spec.interface,
          spec.mode == catalog::Mode::kPool ? "pool" : "oneshot",
          spec.dir.string(),
          spec.entrypoint,
          spec.version,
          spec.description,
          static_cast<int64_t>(to_ms(spec.limits.timeout)),
          runtime && runtime->available(),
          spec.notes,
          std::string{sandbox::name(spec.policy.level)},
          weakened_by_manifest(spec)};
}

std::vector<FunctionView> views_of(const catalog::Snapshot& snapshot) {
  std::vector<FunctionView> views;
  for (const auto& name : snapshot.names())
    views.push_back(view_of(*snapshot.find(name), snapshot));
  return views;
}

Result<FunctionView> view_of(std::string_view name, const catalog::Snapshot& snapshot) {
  if (auto spec = snapshot.find(name)) return view_of(*spec, snapshot);
  if (const auto* problem = snapshot.problem(name)) return problem->error;
  return Error{ErrorCode::kFunctionNotFound, "there is no function \"" + std::string{name} + "\""};
}

StatsView stats_of(const catalog::Snapshot& snapshot, const dispatch::Census& census) {
  StatsView view;
  view.functions = static_cast<int64_t>(snapshot.functions.size());
  view.problems = static_cast<int64_t>(snapshot.problems.size());
  view.workers = static_cast<int64_t>(census.workers.size());
  view.in_flight = census.in_flight;
  for (const auto& [name, of] : census.stats.functions()) {
    view.calls += of.calls;
    view.errors += of.calls - of.ok;
    view.cold_starts += of.cold_starts;
  }
  return view;
}

std::vector<std::string> problem_texts(const catalog::Snapshot& snapshot,
                                       const std::vector<catalog::Problem>& more) {
  std::vector<std::string> out;
  for (const auto* problems : {&snapshot.problems, &more})
    for (const auto& [function, file, error] : *problems)
      out.push_back(error.message + (error.hint.empty() ? "" : " (" + error.hint + ")"));
  return out;
}

}  // namespace trivet
