#include "dispatch/sim_test.h"

#include <algorithm>
#include <cstdio>

namespace trivet::sim {
namespace {

constexpr auto kMoment = 2ms;  // that a call may wait beside a free worker: policy.h, should_wait
constexpr int kRowsLeft = 20'000;  // timers until all must have come to rest

struct NoLogs final : LogSink {
  void write(LogLine) override {}
};

// What all seeds share: threads that no simulated function uses.
loop::BlockingPool& blocking() {
  static loop::BlockingPool pool{1};
  return pool;
}

class World final : private pool::Factories {
 public:
  explicit World(const Plan& plan)
      : plan_(plan),
        dice_(plan.seed),
        loop_(start_clock()),
        stage_{loop_, dice_, plan.plant},
        builder_({loop_, clock_, logs_, blocking(), launcher_}, "/nonexistent"),
        tokens_(clock_),
        budget_(budget_settings()),
        dispatcher_({loop_, clock_, logs_, stats_, builder_, tokens_, launcher_, budget_, this}),
        scope_(loop_) {
    make_functions();
    publish();
  }

  Outcome run() {
    for (int i = 0; i < plan_.steps && ok(); ++i) {
      act();
      look();
    }
    come_to_rest();
    drain();
    out_.violation = stage_.violation;
    out_.ends = dispatcher_.worker_ends();
    return out_;
  }

 private:
  struct Asked {
    std::string function, input;
    Instant latest;
    std::unique_ptr<loop::Scope> scope;
  };
  struct Deployed {
    catalog::FunctionSpec spec;
    Faults faults;
    bool there = true;
  };

  bool ok() const { return stage_.violation.empty(); }
  template <class... Args>
  void trace(const char* format, Args... args) {
    if (!plan_.trace) return;
    std::fprintf(stderr, "%10.3f ms  ", to_ms(clock_.now().time_since_epoch()) - 3'600'000);
    std::fprintf(stderr, format, args...);
    std::fputc('\n', stderr);
  }

  const Clock& start_clock() {
    clock_.advance(1h);  // some parts take zero for "never"
    return clock_;
  }
  pool::Budget::Settings budget_settings() {
    pool::Budget::Settings settings;
    settings.max_workers = dice_.from_to(1, 10);
    if (dice_.chance(300))
      settings.max_memory = limits::kWorkerMemory * static_cast<size_t>(dice_.from_to(1, 6));
    settings.cpus = dice_.from_to(1, 4);
    return settings;
  }

  void make_functions();
  void shape(Deployed& deployed);
  void publish();
  void act();
  void ask();
  void drop_one();
  void crash_one();
  void redeploy();
  loop::Task<> call(size_t number);
  void on_answer(size_t number, const Result<worker::Reply>& reply);
  void turn() {
    loop_.run_until_quiet();
    for (size_t number : done_) asked_.erase(number);
    done_.clear();
  }
  void advance_to(Instant when);
  bool advance_to_next();
  void look();
  using Rows = std::vector<dispatch::Dispatcher::PoolRow>;
  void look_at_calls();
  void look_at_wake_ups(const Rows& rows);
  void look_at_pools(const Rows& rows);
  void look_at_budget();
  void come_to_rest();
  void drain();

  std::unique_ptr<pool::WorkerFactory> make(const catalog::FunctionSpec& spec) override;

  Plan plan_;
  Outcome out_;
  Dice dice_;
  FakeClock clock_;
  loop::Loop loop_;
  Stage stage_;
  NoLogs logs_;
  telemetry::Stats stats_;
  launcher::Launcher launcher_{loop_};  // never opened: the workers are not processes
  builder::Builder builder_;
  dispatch::Tokens tokens_;
  pool::Budget budget_;
  dispatch::Dispatcher dispatcher_;
  std::vector<Deployed> functions_;
  std::map<size_t, Asked> asked_;
  std::vector<size_t> done_;
  size_t next_call_ = 0;
  Instant beside_free_ = kNever;  // since when a call waits beside a free worker and none ends
  int64_t answered_then_ = 0;
  int waiting_then_ = 0;
  std::map<std::string, Instant> unserved_;  // since when calls wait and no worker comes
  loop::Scope scope_;
};

void World::make_functions() {
  functions_.resize(static_cast<size_t>(dice_.from_to(1, 4)));
  for (size_t i = 0; i < functions_.size(); ++i) {
    functions_[i].spec.name = "f" + std::to_string(i);
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
  spec.limits.timeout = 20ms + dice_.up_to(500ms);
  spec.limits.start_timeout = 50ms + dice_.up_to(500ms);
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
    if (!deployed.there) continue;
    auto old = previous->find(deployed.spec.name);
    bool same = old && old->version == deployed.spec.version;
    snapshot->functions[deployed.spec.name] =
        same ? old : std::make_shared<const catalog::FunctionSpec>(deployed.spec);
  }
  dispatcher_.adopt(std::move(snapshot));
}

std::unique_ptr<pool::WorkerFactory> World::make(const catalog::FunctionSpec& spec) {
  auto found = std::find_if(functions_.begin(), functions_.end(),
                            [&](auto& deployed) { return deployed.spec.name == spec.name; });
  return std::make_unique<FakeFactory>(stage_, found->faults, spec.scale.concurrency,
                                       spec.limits.start_timeout);
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
    redeploy();
  }
  turn();
}

void World::ask() {
  const Deployed& deployed =
      functions_[static_cast<size_t>(dice_.below(static_cast<int>(functions_.size())))];
  const catalog::Limits& limits = deployed.spec.limits;
  size_t number = next_call_++;
  ++out_.calls;
  Asked& asked = asked_[number];
  asked.function = deployed.spec.name;
  asked.input = std::to_string(number);
  // To wait for a worker takes so long at most, to run it so long; and the function may be another
  // by the time that the call is looked at.
  asked.latest = clock_.now() + 2 * limits.timeout + limits.start_timeout + 500ms;
  asked.scope = std::make_unique<loop::Scope>(loop_);
  trace("call %zu of %s", number, asked.function.c_str());
  asked.scope->spawn(call(number));
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
  deployed.there = !deployed.there || dice_.chance(800);
  shape(deployed);
  deployed.spec.version = std::to_string(dice_.next());
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

void World::look() {
  auto rows = dispatcher_.pools();
  look_at_calls();
  look_at_wake_ups(rows);
  look_at_pools(rows);
  look_at_budget();
}

void World::look_at_calls() {
  Instant now = clock_.now();
  for (const auto& [number, asked] : asked_)
    if (asked.latest < now) stage_.violate("call " + std::to_string(number) + " has no answer");
  if (!asked_.empty() && loop_.next_timer() == kNever)
    stage_.violate("calls wait and nothing will happen");
}

void World::look_at_wake_ups(const Rows& rows) {
  Instant now = clock_.now();
  if (!dispatcher_.waits_beside_free()) {
    beside_free_ = kNever;
    return;
  }
  // The queue may move while one is free: then it is the others' calls that go on.
  int waiting = 0;
  for (const auto& row : rows) waiting += row.view.waiting;
  bool moves = answered_then_ != out_.answered || waiting_then_ != waiting;
  if (beside_free_ == kNever || moves) beside_free_ = now;
  answered_then_ = out_.answered;
  waiting_then_ = waiting;
  if (loop_.next_timer() > beside_free_ + kMoment)
    stage_.violate("a call waits while a worker is free");
}

void World::look_at_pools(const Rows& rows) {
  Instant now = clock_.now();
  bool full = budget_.scarce();
  for (const auto& row : rows) {
    auto found = std::find_if(functions_.begin(), functions_.end(),
                              [&](auto& deployed) { return deployed.spec.name == row.function; });
    const catalog::FunctionSpec& spec = found->spec;
    if (spec.version != row.version) continue;  // its limits are gone; it gets no new calls
    int most = spec.scale.max + spec.scale.overflow;
    if (row.view.workers + row.view.starting > most)
      stage_.violate(row.function + " has more workers than it may");
    if (row.view.waiting > spec.scale.queue + most * spec.scale.concurrency)
      stage_.violate(row.function + " has a longer queue than it may");
    bool alone = row.view.waiting > 0 && row.view.workers + row.view.starting == 0 && !full;
    if (!alone && unserved_.empty()) continue;
    std::string key = row.function + "@" + row.version;
    if (!alone) {
      unserved_.erase(key);
      continue;
    }
    Instant since = unserved_.emplace(key, now).first->second;
    if (loop_.next_timer() > since + spec.restart.backoff_max + pool::kIdleEnough)
      stage_.violate("calls of " + row.function + " wait and no worker is started");
  }
}

void World::look_at_budget() {
  const auto& settings = budget_.settings();
  if (budget_.workers() > settings.max_workers || stage_.processes > settings.max_workers)
    stage_.violate("the host has more workers than it may");
  bool too_much =
      settings.max_memory > 0 && budget_.workers() > 1 && budget_.memory() > settings.max_memory;
  if (too_much) stage_.violate("the workers have more memory than they may");
  if (stage_.processes > budget_.workers()) stage_.violate("a process is in no account");
}

void World::come_to_rest() {
  for (int i = 0; i < kRowsLeft && ok() && !asked_.empty(); ++i) {
    if (!advance_to_next()) break;
    look();
  }
  if (!asked_.empty()) stage_.violate("calls are left without an answer");
}

void World::drain() {
  scope_.spawn(dispatcher_.drain(clock_.now() + 1s));
  turn();
  for (int i = 0; i < kRowsLeft && ok() && scope_.size() > 0; ++i)
    if (!advance_to_next()) break;
  if (scope_.size() > 0) return stage_.violate("the host does not come to its end");
  turn();
  if (dispatcher_.in_flight() != 0) stage_.violate("calls are left in flight");
  if (!dispatcher_.pools().empty()) stage_.violate("pools are left");
  if (!stage_.workers.empty()) stage_.violate("workers are left");
  if (stage_.processes != 0) stage_.violate("processes are left");
  if (budget_.workers() != 0 || budget_.memory() != 0 || budget_.scarce())
    stage_.violate("shares of the budget are left");
}

}  // namespace

Outcome simulate(const Plan& plan) {
  World world{plan};
  return world.run();
}

}  // namespace trivet::sim
