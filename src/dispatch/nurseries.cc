#include "dispatch/nurseries.h"

#include "builder/builder.h"
#include "catalog/confinement.h"
#include "catalog/runtimes.h"

namespace trivet::dispatch {

namespace {

// What a blank process is told: its function is not known yet.
std::string default_heap(sandbox::Level level) {
  return std::to_string(catalog::heap_mib(sandbox::at_level(level)));
}

}  // namespace

std::vector<std::pair<catalog::RuntimePtr, sandbox::Level>> Nurseries::adopt(
    const catalog::Snapshot& snapshot, const Wanted& wanted) {
  std::vector<std::pair<catalog::RuntimePtr, sandbox::Level>> unprepared;
  if (!spare_bytes_) return unprepared;
  std::erase_if(prepared_, [&snapshot](const auto& one) {
    return snapshot.runtime(one.first->name) != one.first;
  });
  std::map<Key, std::shared_ptr<pool::Nursery>> next;
  for (const auto& [name, spec] : snapshot.functions) {
    if (!wanted(name)) continue;
    auto runtime = snapshot.runtime_of(*spec);
    if (!runtime || !runtime->available() || runtime->start == catalog::Start::kExec) continue;
    Key key{runtime->name, spec->policy.level};
    if (next.count(key)) continue;
    auto prepared = prepared_.find(runtime);
    if (prepared == prepared_.end() && !runtime->prepare_command.empty()) {
      unprepared.emplace_back(runtime, spec->policy.level);
      continue;
    }
    catalog::Words words;
    words.binary = runtime->binary;
    words.runtime = runtime->dir.string();
    words.runtimes = runtime->dir.parent_path().string();
    words.memory_mib = default_heap(spec->policy.level);
    pool::Nursery::Plan plan{
        runtime->name,
        runtime->start,
        catalog::expand(runtime->pool_command, words),
        builder::worker_environment(catalog::expand(runtime->env, words), spec->policy.level),
        runtime->warm_oneshot,
        *spare_bytes_,
        spec->policy.level};
    if (prepared != prepared_.end())
      plan.env.push_back(std::string{builder::kPreparedVariable} + "=" + prepared->second);
    auto kept = kept_.find(key);
    if (kept != kept_.end() && kept->second->plan() == plan) {
      next.insert(*kept);
      continue;
    }
    auto nursery = std::make_shared<pool::Nursery>(around_, std::move(plan));
    nursery->open();
    next.emplace(std::move(key), std::move(nursery));
  }
  kept_ = std::move(next);
  return unprepared;
}

std::shared_ptr<pool::Nursery> Nurseries::of(const catalog::FunctionSpec& spec,
                                             const catalog::RuntimeSpec& runtime) const {
  auto found = kept_.find({runtime.name, spec.policy.level});
  if (found == kept_.end() || !catalog::may_start_blank(spec.dir, runtime)) return nullptr;
  bool other_memory =
      std::to_string(catalog::heap_mib(spec.policy)) != default_heap(spec.policy.level);
  if (other_memory && runtime.needs_memory_at_start()) return nullptr;
  return found->second;
}

std::vector<Nurseries::Row> Nurseries::rows() const {
  std::vector<Row> rows;
  for (const auto& [key, nursery] : kept_)
    for (const auto& row : nursery->rows()) rows.push_back({key.first, "", row});
  return rows;
}

}  // namespace trivet::dispatch
