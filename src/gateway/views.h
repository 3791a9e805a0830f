#pragma once
// What the administration shows, as JSON values: one function per page, used by HTTP, the library
// and so the command line.

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "catalog/snapshot.h"
#include "dispatch/census.h"
#include "dispatch/dispatch.h"
#include "sandbox/policy.h"
#include "telemetry/log_store.h"
#include "telemetry/stats.h"
#include "wire/json.h"

namespace trivet::gateway {

// What the pages are made from; all outlive the views.
struct ViewSources {
  dispatch::Dispatcher& dispatcher;
  telemetry::LogStore& logs;  // touched by the administration only, which is on the store's loop
  const Clock& clock;
  Instant started;
  std::function<loop::Task<dispatch::Census>()> census;  // of the whole host
  std::function<loop::Task<bool>()> logs_here;           // what was written before has come
  // What this machine can confine with, found out when it is asked.
  std::function<loop::Task<Result<std::vector<sandbox::Layer>>>()> layers;
  // Those of its layers that enforce limits, as far as it is known.
  std::function<const std::vector<sandbox::Layer>&()> limits;
  sandbox::Level floor = sandbox::Level::kSandbox;  // the operator's
  std::filesystem::path data_dir;
};

// What each process takes costs up to a millisecond each to know.
enum class Memory { kLeftOut, kLookedAt };
wire::json::value workers_view(const dispatch::Census& census, Memory memory);
wire::json::value stats_view(const ViewSources& from, const dispatch::Census& census);
wire::json::object function_row(const catalog::FunctionSpec& spec,
                                const catalog::Snapshot& snapshot);
// Functions whose secrets are not there.
std::vector<catalog::Problem> secret_problems(const dispatch::Dispatcher& dispatcher);
std::string metrics_view(const ViewSources& from, const dispatch::Census& census);

// /v1/doctor is doctor.h's. A page by its path: "/v1/functions", "/v1/functions/{name}",
// "/v1/runtimes", "/v1/workers",
// "/v1/workers/memory", "/v1/pools", "/v1/stats". kNotFound otherwise; kFunctionNotFound, or the
// problem of that function.
Result<wire::json::value> view_by_path(const ViewSources& from, const dispatch::Census& census,
                                       std::string_view path);

}  // namespace trivet::gateway
