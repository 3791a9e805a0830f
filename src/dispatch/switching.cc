// One version of a function takes the place of another while calls come in.
#include <algorithm>

#include "dispatch/dispatch.h"

namespace trivet::dispatch {
namespace {

using worker::EndReason;

// Would a call find a worker? Then it is worth to let the old version answer until the new one can.
bool in_use(const Served& served) {
  if (!served.prepared()) return false;
  return served.pool()->view().waiting > 0 || !served.pool()->workers().empty();
}

}  // namespace

void Dispatcher::adopt(catalog::SnapshotPtr snapshot) {
  snapshot_ = std::move(snapshot);
  if (around_.secrets) secrets_ = around_.secrets->current();
  keep_nurseries();
  std::vector<std::string> replaced;
  for (auto it = serving_.begin(); it != serving_.end();) {
    const auto& [name, served] = *it;
    if (replace(name, served)) {
      ++it;
      continue;
    }
    if (part(name) && snapshot_->find(name) && served->prepared()) replaced.push_back(name);
    retire(served, EndReason::kReplaced);
    it = serving_.erase(it);
  }
  for (const auto& [name, spec] : snapshot_->functions) {
    bool eager = spec->scale.min > 0 || spec->scale.start == catalog::StartPolicy::kEager;
    bool was_used = std::find(replaced.begin(), replaced.end(), name) != replaced.end();
    if ((!eager && !was_used) || !part(name)) continue;
    if (auto served = resolve(name)) scope_.spawn(warm(*served));
  }
}

// Of a runtime that makes something of itself first, nothing is kept before that is there. When it
// fails, whoever calls is told.
void Dispatcher::keep_nurseries() {
  for (const auto& [runtime, level] : nurseries_.adopt(*snapshot_, lives_here()))
    if (preparing_.insert(runtime).second) scope_.spawn(prepare_runtime(runtime, level));
}

loop::Task<> Dispatcher::prepare_runtime(catalog::RuntimePtr runtime, sandbox::Level level) {
  auto prepared = co_await around_.artifacts.prepare(runtime, level);
  preparing_.erase(runtime);
  if (prepared) learn_prepared(runtime, *prepared);
}

void Dispatcher::learn_prepared(const catalog::RuntimePtr& runtime,
                                const std::filesystem::path& place) {
  if (place.empty() || !nurseries_.know(runtime, place.string())) return;
  around_.launcher.show_also(place.string());
  keep_nurseries();
}

// Begins what has to happen to a version that is being served; false: it ends now.
bool Dispatcher::replace(const std::string& name, const ServedPtr& old) {
  auto spec = snapshot_->find(name);
  auto runtime = spec ? snapshot_->runtime_of(*spec) : nullptr;
  auto is_current = [&](const Served& served) {
    if (!spec || runtime.get() != &served.runtime()) return false;
    if (!served.has_secrets_of(*secrets_)) return false;
    const auto& its = served.spec();  // a change that was taken back is none
    return spec->version == its.version && spec->manifest == its.manifest;
  };
  auto found = coming_.find(name);
  if (found != coming_.end()) {
    if (is_current(*found->second)) return true;
    retire(found->second, EndReason::kReplaced);  // it comes too late already
    coming_.erase(found);
    if (coming_.empty()) switched_.set();
  }
  if (is_current(*old)) return true;
  if (!runtime || !in_use(*old) || !part(name)) return false;
  ServedPtr next = make_served(std::move(spec), std::move(runtime));
  coming_.emplace(name, next);
  switched_.reset();
  scope_.spawn(switch_over(name, std::move(next)));
  return true;
}

// The new version gets its first worker while the old one answers. When it cannot have one, and no
// other change has come soon after, it takes over all the same: whoever calls must see what is
// wrong with it.
loop::Task<> Dispatcher::switch_over(std::string name, ServedPtr next) {
  Status ready = co_await first_worker(next);
  if (!ready) co_await around_.loop.sleep(limits::kSecondThought);  // it may be half a file
  auto found = coming_.find(name);
  if (found == coming_.end() || found->second != next) {  // another change came
    retire(next, EndReason::kReplaced);
    co_return;
  }
  coming_.erase(found);
  if (!ready) {
    worker::Call nobodys;
    nobodys.function = name;
    Error why = ready.error();
    next->clean(why);
    log_failure(nobodys, why);
  }
  ServedPtr old = std::exchange(serving_[name], next);
  if (old) retire(std::move(old), EndReason::kReplaced);
  if (next->prepared()) next->pool()->warm();
  if (coming_.empty()) switched_.set();
}

loop::Task<Status> Dispatcher::first_worker(ServedPtr served) {
  Status prepared = co_await served->prepare();
  if (!prepared) co_return prepared;
  const auto& spec = served->spec();
  bool one_each = spec.pristine || spec.mode == catalog::Mode::kOneshot;
  if (one_each || served->retired) co_return Status{};
  // Lent and given back unused: it is there for the first call.
  Instant deadline = after(around_.loop.now(), spec.limits.start_timeout);
  auto lease = co_await served->pool()->lease(deadline);
  if (!lease) co_return std::move(lease).error();
  co_return Status{};
}

loop::Task<> Dispatcher::warm(ServedPtr served) {
  Status prepared = co_await served->prepare();
  if (prepared) served->pool()->warm();
}

loop::Task<bool> Dispatcher::switched(Instant deadline) {
  co_return co_await switched_.wait(deadline);
}

// May be asked more than once.
void Dispatcher::retire(ServedPtr served, EndReason reason) {
  served->retired = true;
  if (!served->prepared()) {
    if (served.use_count() > 2)
      scope_.spawn(retire_when_prepared(std::move(served), reason));  // calls wait for its build
    return;
  }
  served->pool()->drain(reason);
  if (std::exchange(served->listed, true)) return;
  retiring_.push_back(served);
  scope_.spawn(bury(served));
}

loop::Task<> Dispatcher::retire_when_prepared(ServedPtr served, EndReason reason) {
  Status prepared = co_await served->prepare();
  if (prepared) retire(served, reason);
}

loop::Task<> Dispatcher::bury(ServedPtr served) {
  co_await served->pool()->drained_event().wait();
  const auto& ends = served->pool()->counts().ends;
  for (size_t i = 0; i < ends.size(); ++i) past_ends_[i] += ends[i];
  retiring_.erase(std::remove(retiring_.begin(), retiring_.end(), served), retiring_.end());
}

loop::Task<> Dispatcher::quiet(Instant deadline) {
  draining_ = true;
  quiet_.reset();
  if (in_flight_ > 0) co_await quiet_.wait(deadline);
}

loop::Task<> Dispatcher::drain(Instant deadline) {
  co_await quiet(deadline);
  closed_ = true;
  for (auto* versions : {&serving_, &coming_}) {
    for (auto& [name, served] : *versions) retire(served, EndReason::kShutdown);
    versions->clear();
  }
  switched_.set();
  auto pools = retiring_;
  for (auto& served : pools)  // whoever still has a call had its time
    if (served->pool()->in_flight() > 0) served->pool()->kill(EndReason::kShutdown);
  // Workers that say BUSY may use what is left of the time; those that say nothing end themselves.
  Instant grace = std::max(deadline, after(around_.loop.now(), limits::kStopGrace));
  for (auto& served : pools) co_await served->pool()->drained_event().wait(grace);
  for (auto& served : pools) served->pool()->kill(EndReason::kShutdown);
  for (auto& served : pools)
    co_await served->pool()->drained_event().wait(after(around_.loop.now(), limits::kStopGrace));
}

}  // namespace trivet::dispatch
