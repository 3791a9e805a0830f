#include "dispatch/census.h"

#include <algorithm>
#include <iterator>

namespace trivet::dispatch {
namespace {

template <class T>
void append(std::vector<T>& all, std::vector<T>&& more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

void Census::add(Census&& other) {
  append(workers, std::move(other.workers));
  append(zygotes_and_spares, std::move(other.zygotes_and_spares));
  append(pools, std::move(other.pools));
  not_forked.merge(std::move(other.not_forked));
  for (size_t i = 0; i < worker_ends.size(); ++i) worker_ends[i] += other.worker_ends[i];
  in_flight += other.in_flight;
  max_workers += other.max_workers;
  max_memory += other.max_memory;
  budget_workers += other.budget_workers;
  budget_memory += other.budget_memory;
  budget_refused += other.budget_refused;
  stats.add(other.stats);
  for (const auto& [function, more] : other.traffic) traffic[function].add(more);
}

void Census::sort() {
  auto by_function = [](const auto& a, const auto& b) { return a.function < b.function; };
  std::stable_sort(workers.begin(), workers.end(), by_function);
  std::stable_sort(pools.begin(), pools.end(), by_function);
}

Census census_of(const Dispatcher& dispatcher, const telemetry::Stats& stats) {
  Census out;
  out.workers = dispatcher.workers();
  out.zygotes_and_spares = dispatcher.zygotes_and_spares();
  out.pools = dispatcher.pools();
  out.not_forked = dispatcher.not_forked();
  out.worker_ends = dispatcher.worker_ends();
  out.in_flight = dispatcher.in_flight();
  const pool::Budget& budget = dispatcher.budget();
  out.max_workers = budget.settings().max_workers;
  out.max_memory = budget.settings().max_memory;
  out.budget_workers = budget.workers();
  out.budget_memory = budget.memory();
  out.budget_refused = budget.refused();
  out.stats = stats;
  return out;
}

}  // namespace trivet::dispatch
