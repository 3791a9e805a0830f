#include "dispatch/sim_test.h"

#include <algorithm>

#include "dispatch/sim_world_test.h"

namespace trivet::sim {
namespace {

constexpr Duration kTimeoutSpan = 500ms, kLongestBuild = 200ms;
constexpr Duration kLongest = 3 * (50ms + kTimeoutSpan);  // to wait for a worker, and to run

}  // namespace

// What all seeds share: threads that no simulated function uses.
loop::BlockingPool& blocking() {
  static loop::BlockingPool pool{1};
  return pool;
}

void World::make_functions() {
  functions_.resize(static_cast<size_t>(dice_.from_to(1, 4)));
  for (size_t i = 0; i < functions_.size(); ++i) {
    functions_[i].spec.name = "f" + std::to_string(i);
    stage_.names.push_back(functions_[i].spec.name);
    shape(functions_[i]);
  }
}

void World::shape(Deployed& deployed) {
  catalog::FunctionSpec& spec = deployed.spec;
  spec.runtime = "fake";
  spec.interface = "json";
  spec.scale.max = dice_.from_to(1, 4);
  spec.scale.min = dice_.chance(300) ? dice_.from_to(0, spec.scale.max) : 0;
  spec.scale.overflow = dice_.from_to(0, 2);
  spec.scale.concurrency = dice_.chance(700) ? 1 : dice_.from_to(2, 4);
  spec.scale.queue = dice_.from_to(0, 12);
  spec.scale.idle = 10ms + dice_.up_to(1s);
  spec.limits.timeout = 20ms + dice_.up_to(kTimeoutSpan);
  spec.limits.start_timeout = 50ms + dice_.up_to(kTimeoutSpan);
  spec.restart.backoff_min = 1ms + dice_.up_to(50ms);
  spec.restart.backoff_max = spec.restart.backoff_min + dice_.up_to(1s);
  spec.restart.max_calls = dice_.chance(300) ? dice_.from_to(1, 5) : 0;
  spec.restart.max_age = dice_.chance(200) ? 10ms + dice_.up_to(300ms) : Duration{};
  spec.restart.breaker = {dice_.chance(500) ? dice_.from_to(1, 6) : 0, 1s, 50ms + dice_.up_to(1s)};
  Faults& faults = deployed.faults;
  faults = {};
  faults.run = dice_.chance(200) ? Duration{100us} : 1ms + dice_.up_to(30ms);
  faults.start = dice_.up_to(60ms);
  auto sometimes = [this] { return dice_.chance(400) ? dice_.below(200) : 0; };
  for (int* fault : {&faults.crash, &faults.hang, &faults.slow, &faults.garbage, &faults.late,
                     &faults.throws, &faults.no_start, &faults.slow_start})
    *fault = sometimes();
  if (dice_.chance(50)) faults.no_start = 1000;
  faults.asks = dice_.chance(300) ? dice_.below(500) : 0;
  // One worker for each call, which is never used again.
  spec.pristine = dice_.chance(150);
  if (spec.pristine) spec.scale.concurrency = 1;
  deployed.build = dice_.chance(300) ? dice_.up_to(kLongestBuild) : Duration{};
  deployed.no_build = dice_.chance(30);
}

void World::publish() {
  auto snapshot = std::make_shared<catalog::Snapshot>();
  auto previous = dispatcher_.snapshot();
  auto runtime = std::make_shared<catalog::RuntimeSpec>();
  runtime->name = "fake";
  runtime->binary = "/nonexistent";
  snapshot->runtimes = previous->runtimes;
  if (snapshot->runtimes.empty()) snapshot->runtimes["fake"] = runtime;
  for (const auto& deployed : functions_) {
    versions_[deployed.spec.name + "@" + deployed.spec.version] = deployed;
    if (!deployed.there) continue;
    auto old = previous->find(deployed.spec.name);
    bool same = old && old->version == deployed.spec.version;
    snapshot->functions[deployed.spec.name] =
        same ? old : std::make_shared<const catalog::FunctionSpec>(deployed.spec);
  }
  dispatcher_.adopt(std::move(snapshot));
}

std::unique_ptr<pool::WorkerFactory> World::make(const catalog::FunctionSpec& spec) {
  return std::make_unique<FakeFactory>(stage_, version(spec.name, spec.version).faults,
                                       spec.scale.concurrency, spec.limits.start_timeout);
}

loop::Task<Status> World::build(const catalog::FunctionSpec& spec) {
  const Deployed& deployed = version(spec.name, spec.version);
  if (deployed.build > Duration::zero()) co_await loop_.sleep(deployed.build);
  if (deployed.no_build) co_return Error{ErrorCode::kBuildFailed, "it does not compile"};
  co_return Status{};
}

void World::act() {
  int what = dice_.below(1000);
  if (what < 420) {
    int count = dice_.chance(800) ? 1 : dice_.from_to(2, 16);
    for (int i = 0; i < count; ++i) ask();
  } else if (what < 840) {
    advance_to_next();
  } else if (what < 900) {
    advance_to(clock_.now() + dice_.up_to(100ms));
  } else if (what < 910) {
    clock_.advance(dice_.up_to(300ms));  // the host was held up
  } else if (what < 950) {
    drop_one();
  } else if (what < 985) {
    crash_one();
  } else {
    int times = dice_.chance(600) ? 1 : dice_.from_to(2, 5);  // in quick succession
    for (int i = 0; i < times; ++i) {
      redeploy();
      if (dice_.chance(500)) advance_to_next();
    }
  }
  turn();
}

void World::ask() {
  const Deployed& deployed =
      functions_[static_cast<size_t>(dice_.below(static_cast<int>(functions_.size())))];
  size_t number = next_call_++;
  ++out_.calls;
  Asked& asked = asked_[number];
  asked.function = deployed.spec.name;
  asked.input = std::to_string(number);
  asked.latest = clock_.now() + wait_most(deployed);
  asked.scope = std::make_unique<loop::Scope>(loop_);
  trace("call %zu of %s", number, asked.function.c_str());
  asked.scope->spawn(call(number));
}

// How long a call of this function may take from now on. The version that it is may not be the one
// that answers yet: that is one of those with a pool.
Duration World::wait_most(const Deployed& deployed) const {
  auto most = [](const Deployed& d) {
    const catalog::Limits& limits = d.spec.limits;
    return limits.timeout + limits.start_timeout + limits.timeout;
  };
  Duration longest = most(deployed);
  bool has_pool = false;
  for (const auto& row : dispatcher_.pools()) {
    if (row.retiring || row.function != deployed.spec.name) continue;
    has_pool = true;
    longest = std::max(longest, most(version(row.function, row.version)));
  }
  // Without a pool it waits for builds first, and may begin again with a version that is still to
  // come: for as long as one waits for a worker, a build, and then all of this.
  if (!has_pool) longest = kLongest + kLongestBuild * 2 + kLongest;
  return longest + 500ms;  // the host may be held up
}

loop::Task<> World::call(size_t number) {
  worker::Call call;
  call.id = asked_[number].input;
  call.function = asked_[number].function;
  call.input = asked_[number].input;
  auto reply = co_await dispatcher_.invoke(std::move(call));
  on_answer(number, reply);
}

void World::on_answer(size_t number, const Result<worker::Reply>& reply) {
  auto found = asked_.find(number);
  bool again =
      found == asked_.end() || std::find(done_.begin(), done_.end(), number) != done_.end();
  if (again) return stage_.violate("call " + std::to_string(number) + " was answered twice");
  ++out_.answered;
  done_.push_back(number);
  trace("call %zu: %s", number,
        reply ? reply->body.c_str() : std::string{traits(reply.error().code).name}.c_str());
  if (clock_.now() > found->second.latest)
    stage_.violate("call " + std::to_string(number) + " was answered too late");
  if (!reply) {
    ++out_.errors[static_cast<size_t>(reply.error().code)];
    if (reply.error().code == ErrorCode::kInternal) stage_.violate("an error without a name");
  } else if (reply->body != "answer to " + found->second.input) {
    stage_.violate("call " + found->second.input + " was given the " + reply->body);
  }
}

void World::drop_one() {
  if (asked_.empty()) return;
  auto it = asked_.begin();
  std::advance(it, dice_.below(static_cast<int>(asked_.size())));
  trace("drop %zu", it->first);
  ++out_.dropped;
  asked_.erase(it);
}

void World::crash_one() {
  if (stage_.workers.empty()) return;
  std::vector<FakeWorker*> all(stage_.workers.begin(), stage_.workers.end());
  std::sort(all.begin(), all.end(), [](auto* a, auto* b) { return a->pid() < b->pid(); });
  FakeWorker* worker = all[static_cast<size_t>(dice_.below(static_cast<int>(all.size())))];
  trace("kill worker %d", worker->pid());
  worker->crash();
}

void World::redeploy() {
  Deployed& deployed =
      functions_[static_cast<size_t>(dice_.below(static_cast<int>(functions_.size())))];
  auto before = before_.find(deployed.spec.name);
  if (before != before_.end() && dice_.chance(250)) {
    std::swap(deployed, before->second);  // the change is taken back
  } else {
    before_[deployed.spec.name] = deployed;
    deployed.there = !deployed.there || dice_.chance(800);
    shape(deployed);
    deployed.spec.version = std::to_string(dice_.next());
  }
  trace("%s %s", deployed.there ? "deploy" : "remove", deployed.spec.name.c_str());
  publish();
}

void World::advance_to(Instant when) {
  while (loop_.next_timer() <= when && ok()) {
    advance_to_next();
    look();
  }
  if (clock_.now() < when) clock_.advance(when - clock_.now());
  turn();
}

bool World::advance_to_next() {
  Instant next = loop_.next_timer();
  if (next == kNever) return false;
  if (next > clock_.now()) clock_.advance(next - clock_.now());
  turn();
  return true;
}

Outcome simulate(const Plan& plan) {
  World world{plan};
  return world.run();
}

}  // namespace trivet::sim
