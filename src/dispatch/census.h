#pragma once
// Census: what the dispatcher of a shard has to show at one moment, as values that may cross
// threads; those of several shards add up to that of the host.

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "dispatch/dispatch.h"
#include "net/forwarder.h"
#include "telemetry/stats.h"

namespace trivet::dispatch {

struct Census {
  std::vector<Dispatcher::WorkerRow> workers;
  std::vector<Nurseries::Row> zygotes_and_spares;
  std::vector<Dispatcher::PoolRow> pools;
  std::map<std::string, std::string> not_forked;  // why, by function
  std::array<int64_t, worker::kEndReasonCount> worker_ends{};
  int64_t in_flight = 0;
  int max_workers = 0, budget_workers = 0;
  size_t max_memory = 0, budget_memory = 0;  // bytes
  int64_t budget_refused = 0;
  telemetry::Stats stats;
  std::map<std::string, net::Traffic, std::less<>> traffic;  // of confined functions

  void add(Census&& other);
  void sort();  // workers and pools by their functions
};

// On the dispatcher's thread.
Census census_of(const Dispatcher& dispatcher, const telemetry::Stats& stats);

}  // namespace trivet::dispatch
