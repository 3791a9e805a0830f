#pragma once
// The world of a simulated host (sim_test.h): what happens in it is in sim_test.cc, what is looked
// at after each step in sim_look_test.cc.

#include <cstdio>

#include "dispatch/sim_test.h"

namespace trivet::sim {

constexpr auto kMoment = 2ms;  // that a call may wait beside a free worker: policy.h, should_wait
constexpr int kRowsLeft = 20'000;  // timers until all must have come to rest

struct NoLogs final : LogSink {
  void write(LogLine) override {}
};

loop::BlockingPool& blocking();

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
    stage_.services = &dispatcher_;
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
    out_.asked = stage_.asked;
    out_.ask_answers = stage_.ask_answers;
    out_.nested_most = stage_.nested_most;
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
    Duration build{};
    bool no_build = false;
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
  Duration wait_most(const Deployed& deployed) const;
  const Deployed& version(const std::string& function, const std::string& version) const {
    return versions_.at(function + "@" + version);
  }
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
  loop::Task<Status> build(const catalog::FunctionSpec& spec) override;

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
  std::map<std::string, Deployed> versions_;  // all that ever were, by function@version
  std::map<std::string, Deployed> before_;    // what each function was before its last change
  std::map<size_t, Asked> asked_;
  std::vector<size_t> done_;
  size_t next_call_ = 0;
  Instant beside_free_ = kNever;  // since when a call waits beside a free worker and none ends
  int64_t answered_then_ = 0;
  int waiting_then_ = 0;
  std::map<std::string, Instant> unserved_;  // since when calls wait and no worker comes
  loop::Scope scope_;
};

}  // namespace trivet::sim
