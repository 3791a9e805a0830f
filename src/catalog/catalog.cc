#include "catalog/catalog.h"

#include <algorithm>
#include <set>

#include "catalog/resolve.h"
#include "catalog/runtimes.h"

namespace trivet::catalog {
namespace {

namespace fs = std::filesystem;

// `now` with what was found on this machine for the runtime as it was before.
RuntimePtr with_toolchain_of(const RuntimeSpec& before, const RuntimeSpec& now) {
  auto out = std::make_shared<RuntimeSpec>(now);
  out->binary = before.binary;
  out->version = before.version;
  out->reason = before.reason;
  return out;
}

RuntimePtr with_version(const RuntimeSpec& runtime, const Toolchain& toolchain) {
  auto out = std::make_shared<RuntimeSpec>(runtime);
  out->name += "@" + toolchain.version;
  out->binary = toolchain.binary;
  out->version = toolchain.version;
  out->reason.clear();
  return out;
}

// Specs that did not change are the same objects.
RuntimePtr kept(const RuntimePtr& before, const RuntimePtr& now) {
  return before && *before == *now ? before : now;
}

Changes compare(const Snapshot& before, const Snapshot& now) {
  Changes changes;
  for (const auto& [name, spec] : now.functions) {
    auto old = before.find(name);
    if (!old)
      changes.added.push_back(name);
    else if (old != spec)
      changes.changed.push_back(name);
  }
  for (const auto& [name, spec] : before.functions)
    if (!now.find(name)) changes.removed.push_back(name);
  return changes;
}

// A manifest that broke takes its functions away, under names that it may no longer tell. They keep
// the problem until it is put right, so that callers learn what is wrong instead of "not found".
void file_under_old_names(const Snapshot& before, Snapshot& next) {
  std::vector<Problem> more;
  auto file = [&](const Problem& problem, const std::string& name) {
    bool known =
        next.find(name) || next.problem(name) ||
        std::any_of(more.begin(), more.end(), [&](const Problem& p) { return p.function == name; });
    if (!known) more.push_back({name, problem.file, problem.error});
  };
  for (const auto& problem : next.problems) {
    bool serves_others =
        std::any_of(next.functions.begin(), next.functions.end(),
                    [&](const auto& f) { return f.second->manifest == problem.file; });
    if (serves_others) continue;  // a project: this problem is about one entry
    bool of_folder = problem.file.extension() == ".yaml";
    for (const auto& [name, spec] : before.functions)
      if (spec->manifest == problem.file || (of_folder && spec->dir == problem.file.parent_path()))
        file(problem, name);
    for (const auto& old : before.problems)
      if (old.file == problem.file && !old.function.empty()) file(problem, old.function);
  }
  std::move(more.begin(), more.end(), std::back_inserter(next.problems));
}

}  // namespace

std::vector<std::string> Snapshot::names() const {
  std::vector<std::string> out;
  out.reserve(functions.size());
  for (const auto& [name, spec] : functions) out.push_back(name);
  std::sort(out.begin(), out.end());
  return out;
}

Result<std::unique_ptr<Catalog>> Catalog::open(Config config, Prober& prober) {
  std::error_code ec;
  config.root = fs::absolute(config.root, ec).lexically_normal();
  if (!config.root.has_filename()) config.root = config.root.parent_path();
  if (!fs::exists(config.root, ec))
    return Error{ErrorCode::kIo, "there is no " + config.root.string(),
                 "name a folder of functions, or a source file"};
  for (auto& dir : config.runtime_dirs) dir = fs::canonical(dir, ec);
  std::unique_ptr<Catalog> catalog{new Catalog(std::move(config), prober)};
  std::lock_guard lock(catalog->scanning_);
  auto first = catalog->scan(Snapshot{});
  if (first->runtimes.empty())
    return Error{ErrorCode::kIo, "no runtimes were found",
                 "name their folder with --runtimes or TRIVET_RUNTIMES"};
  catalog->publish(std::move(first));
  return catalog;
}

SnapshotPtr Catalog::current() const {
  std::lock_guard lock(mutex_);
  return current_;
}

void Catalog::publish(std::shared_ptr<Snapshot> next) {
  std::lock_guard lock(mutex_);
  next->generation = current_ ? current_->generation + 1 : 1;
  current_ = std::move(next);
}

RuntimePtr Catalog::probed(const RuntimePtr& runtime) {
  auto& slot = probed_[runtime->name];
  if (!slot) {
    auto copy = std::make_shared<RuntimeSpec>(*runtime);
    copy->reason.clear();
    prober_.probe(*copy);
    slot = std::move(copy);
  }
  return slot;
}

std::vector<RuntimePtr> Catalog::others(const RuntimePtr& first, bool again) {
  auto [slot, is_new] = others_.try_emplace(first->name);
  bool look_again = again && again_.insert(first->name).second;
  if (!is_new && !look_again) return slot->second;
  slot->second.clear();
  auto failed = look_again ? Prober::Failed::kAgain : Prober::Failed::kLeftOut;
  for (const auto& toolchain : prober_.others(*first, failed))
    slot->second.push_back(with_version(*first, toolchain));
  return slot->second;
}

void Catalog::begin_look() {
  probed_.clear();
  others_.clear();
  again_.clear();
}

// Versions: what was looked for now takes the place of what was known, the rest is carried over.
// What a function of `next` runs with stays in any case.
void Catalog::put_versions(const Snapshot& before, Snapshot& next) const {
  std::set<std::string, std::less<>> used;
  for (const auto& [name, spec] : next.functions) used.insert(spec->runtime_key);
  next.versions.clear();
  for (const auto& [name, old] : before.versions) {
    auto base = next.runtime(old->family());
    bool is_default = base && base->version == old->version;
    if (!base || base->dir != old->dir) continue;
    if (!used.contains(name) && (is_default || others_.contains(base->name))) continue;
    next.versions[name] = kept(old, with_version(*base, {old->binary, old->version}));
  }
  for (const auto& [family, found] : others_)
    for (const auto& now : found) next.versions[now->name] = kept(before.runtime(now->name), now);
}

DiscoveryInput Catalog::input_of(std::function<RuntimePtr(const RuntimePtr&)> probed) {
  begin_look();
  return {config_.root,
          {},
          config_.environment,
          {},
          std::move(probed),
          [this](const RuntimePtr& first, bool again) { return others(first, again); },
          config_.unpacked,
          config_.data_dir,
          config_.floor};
}

std::shared_ptr<Snapshot> Catalog::scan(const Snapshot& before) {
  auto next = std::make_shared<Snapshot>();
  RuntimeSet set = read_runtimes(config_.runtime_dirs);
  next->problems = std::move(set.problems);
  auto input = input_of([this](const RuntimePtr& r) { return probed(r); });
  input.overrides = config_.overrides;
  for (auto& runtime : set.runtimes) {
    if (runtime.reason.empty()) runtime.reason = "not looked for yet";
    std::string name = runtime.name;
    input.runtimes[name] = std::make_shared<RuntimeSpec>(std::move(runtime));
  }
  std::error_code ec;
  Discovered found;
  if (fs::exists(config_.root, ec) || before.functions.empty()) {
    found = discover(input);
  } else {
    next->functions = before.functions;
    found.problems.push_back(
        {"",
         config_.root,
         {ErrorCode::kIo, config_.root.string() + " has vanished: what was there keeps serving",
          "put it back"}});
  }
  for (auto& [name, runtime] : input.runtimes) {
    auto looked = probed_.find(name);
    RuntimePtr now = looked != probed_.end() ? looked->second : runtime;
    auto old = before.runtime(name);
    if (old && looked == probed_.end() && old->reason != "not looked for yet" &&
        old->dir == now->dir)
      now = with_toolchain_of(*old, *now);
    next->runtimes[name] = kept(old, now);
  }
  for (auto& spec : found.functions) {
    auto old = before.find(spec.name);
    bool same = old && old->version == spec.version && old->manifest == spec.manifest;
    std::string name = spec.name;
    next->functions[name] = same ? old : std::make_shared<FunctionSpec>(std::move(spec));
  }
  for (const auto& [name, spec] : added_) next->functions[name] = spec;
  put_versions(before, *next);
  std::move(found.problems.begin(), found.problems.end(), std::back_inserter(next->problems));
  file_under_old_names(before, *next);
  return next;
}

Changes Catalog::reload() {
  std::lock_guard lock(scanning_);
  SnapshotPtr before = current();
  auto next = scan(*before);
  Changes changes = compare(*before, *next);
  publish(std::move(next));
  return changes;
}

Status Catalog::add(FunctionSpec spec) {
  std::lock_guard lock(scanning_);
  auto next = std::make_shared<Snapshot>(*current());
  if (next->find(spec.name))
    return Error{ErrorCode::kInvalidRequest, "there is a function \"" + spec.name + "\" already"};
  auto input = input_of([this](const auto& r) { return r->available() ? r : probed(r); });
  input.runtimes = next->runtimes;
  if (auto error = resolve_function(spec, {}, input)) return *std::move(error);
  for (const auto& [name, runtime] : probed_) next->runtimes[name] = runtime;
  auto made = std::make_shared<FunctionSpec>(std::move(spec));
  added_[made->name] = made;
  next->functions[made->name] = made;
  put_versions(*current(), *next);
  publish(std::move(next));
  return {};
}

bool Catalog::remove(const std::string& name) {
  std::lock_guard lock(scanning_);
  if (added_.erase(name) == 0) return false;
  auto next = std::make_shared<Snapshot>(*current());
  next->functions.erase(name);
  publish(std::move(next));
  return true;
}

void Catalog::probe_all() {
  std::lock_guard lock(scanning_);
  SnapshotPtr before = current();
  auto next = std::make_shared<Snapshot>(*before);
  begin_look();
  for (auto& [name, runtime] : next->runtimes) {
    if (!runtime->available() && runtime->reason == "not looked for yet") runtime = probed(runtime);
    others(runtime, false);
  }
  put_versions(*before, *next);
  publish(std::move(next));
}

}  // namespace trivet::catalog
