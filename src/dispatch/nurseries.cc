#include "dispatch/nurseries.h"

#include "builder/builder.h"
#include "catalog/runtimes.h"

namespace trivet::dispatch {

void Nurseries::adopt(const catalog::Snapshot& snapshot, const Wanted& wanted) {
  if (!spare_bytes_) return;
  std::map<Key, std::shared_ptr<pool::Nursery>> next;
  for (const auto& [name, spec] : snapshot.functions) {
    if (!wanted(name)) continue;
    auto runtime = snapshot.runtime_of(*spec);
    if (!runtime || !runtime->available() || runtime->start == catalog::Start::kExec) continue;
    Key key{runtime->name, spec->policy.level};
    if (next.count(key)) continue;
    catalog::Words words;
    words.binary = runtime->binary;
    words.runtime = runtime->dir.string();
    words.runtimes = runtime->dir.parent_path().string();
    pool::Nursery::Plan plan{runtime->name,
                             runtime->start,
                             catalog::expand(runtime->pool_command, words),
                             builder::worker_environment(runtime->env, spec->policy.level),
                             runtime->warm_oneshot,
                             *spare_bytes_,
                             spec->policy.level};
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
}

std::shared_ptr<pool::Nursery> Nurseries::of(const catalog::FunctionSpec& spec,
                                             const catalog::RuntimeSpec& runtime) const {
  auto found = kept_.find({runtime.name, spec.policy.level});
  if (found == kept_.end() || !catalog::may_start_blank(spec.dir, runtime)) return nullptr;
  return found->second;
}

std::vector<Nurseries::Row> Nurseries::rows() const {
  std::vector<Row> rows;
  for (const auto& [key, nursery] : kept_)
    for (const auto& row : nursery->rows()) rows.push_back({key.first, "", row});
  return rows;
}

}  // namespace trivet::dispatch
