#pragma once
// What the administration shows, as JSON values: one function per page, used by HTTP, the library
// and so the command line.

#include <string>

#include "catalog/snapshot.h"
#include "dispatch/dispatch.h"
#include "telemetry/log_store.h"
#include "telemetry/stats.h"
#include "wire/json.h"

namespace trivet::gateway {

// What the pages are made from; all outlive the views.
struct ViewSources {
  dispatch::Dispatcher& dispatcher;
  telemetry::Stats& stats;
  telemetry::LogStore& logs;
  const Clock& clock;
  Instant started;
};

wire::json::value functions_view(const ViewSources& from);
// kFunctionNotFound, or the problem of that function.
Result<wire::json::value> function_view(const ViewSources& from, std::string_view name);
wire::json::value runtimes_view(const ViewSources& from);
// What each process takes costs up to a millisecond each to know.
enum class Memory { kLeftOut, kLookedAt };
wire::json::value workers_view(const ViewSources& from, Memory memory);
wire::json::value pools_view(const ViewSources& from);
wire::json::value stats_view(const ViewSources& from);
wire::json::object function_row(const catalog::FunctionSpec& spec,
                                const catalog::Snapshot& snapshot);
std::string metrics_view(const ViewSources& from);

// Any of the above by its path: "/v1/functions", "/v1/functions/{name}", "/v1/runtimes",
// "/v1/workers", "/v1/pools", "/v1/stats". kNotFound otherwise.
Result<wire::json::value> view_by_path(const ViewSources& from, std::string_view path);

}  // namespace trivet::gateway
