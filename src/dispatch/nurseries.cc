#include "dispatch/nurseries.h"

#include "builder/builder.h"
#include "catalog/runtimes.h"

namespace trivet::dispatch {

void Nurseries::adopt(const catalog::Snapshot& snapshot, const Wanted& wanted) {
  if (!spare_bytes_) return;
  std::map<std::string, std::shared_ptr<pool::Nursery>, std::less<>> next;
  for (const auto& [name, spec] : snapshot.functions) {
    if (!wanted(name)) continue;
    auto runtime = snapshot.runtime_of(*spec);
    if (!runtime || !runtime->available() || runtime->start == catalog::Start::kExec) continue;
    if (next.count(runtime->name)) continue;
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
    auto kept = by_runtime_.find(runtime->name);
    if (kept != by_runtime_.end() && kept->second->plan() == plan) {
      next.insert(*kept);
      continue;
    }
    auto nursery = std::make_shared<pool::Nursery>(around_, std::move(plan));
    nursery->open();
    next.emplace(runtime->name, std::move(nursery));
  }
  by_runtime_ = std::move(next);
}

std::shared_ptr<pool::Nursery> Nurseries::of(const catalog::FunctionSpec& spec,
                                             const catalog::RuntimeSpec& runtime) const {
  auto found = by_runtime_.find(runtime.name);
  if (found == by_runtime_.end() || !catalog::may_start_blank(spec.dir, runtime)) return nullptr;
  return found->second;
}

std::vector<Nurseries::Row> Nurseries::rows() const {
  std::vector<Row> rows;
  for (const auto& [runtime, nursery] : by_runtime_)
    for (const auto& row : nursery->rows()) rows.push_back({runtime, "", row});
  return rows;
}

}  // namespace trivet::dispatch
