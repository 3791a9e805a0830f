// The samples of /metrics.
#include "gateway/views.h"

namespace trivet::gateway {
namespace {

using dispatch::Census;

// One metric after the other: lines of one name stand together.
void add_traffic(const Census& census, std::vector<telemetry::Sample>& samples) {
  auto each = [&](const char* name, const char* help, int64_t net::Traffic::*value, bool counter) {
    for (const auto& [function, traffic] : census.traffic)
      samples.push_back(
          {name, help, "function", function, static_cast<double>(traffic.*value), counter});
  };
  using net::Traffic;
  each("trivet_net_connections_total", "Connections of a function that were carried on",
       &Traffic::connections, true);
  each("trivet_net_open", "Connections of a function that are open", &Traffic::open, false);
  each("trivet_net_refused_total", "Connections refused by a rule or limit", &Traffic::refused,
       true);
  each("trivet_net_failed_total", "Connections whose destination was not reached", &Traffic::failed,
       true);
  each("trivet_net_sent_bytes_total", "Bytes that a function sent", &Traffic::bytes_out, true);
  each("trivet_net_received_bytes_total", "Bytes that a function received", &Traffic::bytes_in,
       true);
}

}  // namespace

std::string metrics_view(const ViewSources& from, const Census& census) {
  std::vector<telemetry::Sample> samples;
  auto add = [&samples](std::string name, std::string help, double value, bool counter) {
    samples.push_back({std::move(name), std::move(help), "", "", value, counter});
  };
  add("trivet_functions", "Functions that serve",
      static_cast<double>(from.dispatcher.snapshot()->functions.size()), false);
  add("trivet_problems", "Functions that could not be read",
      static_cast<double>(from.dispatcher.snapshot()->problems.size()), false);
  add("trivet_workers", "Live workers", static_cast<double>(census.workers.size()), false);
  double zygotes = 0, spares = 0;
  for (const auto& kept : census.zygotes_and_spares) ++(kept.row.is_zygote ? zygotes : spares);
  add("trivet_zygotes", "Live zygotes, of runtimes and of functions", zygotes, false);
  add("trivet_spares", "Blank workers that wait for a function", spares, false);
  add("trivet_workers_max", "Workers that the host may have",
      static_cast<double>(census.max_workers), false);
  add("trivet_budget_short_total", "Times a function wanted more workers than the host may have",
      static_cast<double>(census.budget_refused), true);
  add("trivet_log_lines_total", "Log lines written", static_cast<double>(from.logs.written()),
      true);
  add("trivet_log_lines_dropped_total", "Log lines dropped because the store was full",
      static_cast<double>(from.logs.dropped()), true);
  for (const auto& [function, lines] : from.logs.over_limit())
    samples.push_back({"trivet_log_lines_over_limit_total", "Log lines that limits.logs kept out",
                       "function", function, static_cast<double>(lines), true});
  auto ends = census.worker_ends;
  for (size_t i = 0; i < ends.size(); ++i)
    samples.push_back({"trivet_worker_ends_total", "Workers that ended, by reason", "reason",
                       std::string{worker::name(static_cast<worker::EndReason>(i))},
                       static_cast<double>(ends[i]), true});
  auto each = [&](const char* name, const char* help, auto value) {
    for (const auto& row : census.pools)
      if (!row.retiring)
        samples.push_back(
            {name, help, "function", row.function, static_cast<double>(value(row.view)), false});
  };
  each("trivet_pool_workers", "Live workers of a function",
       [](const pool::PoolView& view) { return view.workers; });
  each("trivet_pool_waiting", "Calls that wait for a worker",
       [](const pool::PoolView& view) { return view.waiting; });
  each("trivet_breaker_open", "1 while calls are refused because workers fail",
       [](const pool::PoolView& view) { return view.breaker != std::string_view{"closed"}; });
  add_traffic(census, samples);
  return telemetry::metrics_text(census.stats, samples);
}

}  // namespace trivet::gateway
