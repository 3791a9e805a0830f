#pragma once
// Nursery: the blank workers of one runtime, there before anybody asks for them.
//
// A runtime that can fork has a zygote: a blank worker with the interpreter, the shim and the
// standard library warm, that forks a worker whenever one is wanted. One that cannot has spares:
// blank workers, as many as spares.h says. A spare that was taken is replaced a moment later, not
// at once: the call that took it comes first. What dies is replaced, with back-off. All on the
// loop's thread.

#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/limits.h"
#include "catalog/runtime.h"
#include "loop/scope.h"
#include "pool/spares.h"
#include "worker/blank.h"

namespace trivet::pool {

class Nursery {
 public:
  struct Plan {
    std::string runtime;
    catalog::Start start = catalog::Start::kExec;
    std::vector<std::string> argv, env;
    bool has_stdin = false;   // its shim runs stdio programs too
    int64_t spare_bytes = 0;  // memory that all spares together may take
    sandbox::Level level = sandbox::Level::kTrusted;
    Duration ready_within = limits::kStartTimeoutDefault;  // then it is ended, and replaced
    bool operator==(const Plan&) const = default;
  };
  Nursery(worker::Process::Surroundings around, Plan plan);
  ~Nursery();  // ends what is kept; forks of the zygote end with it

  // Begins to keep what the plan says.
  void open();
  // A blank worker that is ready, or a fork of the zygote; nothing when there is neither.
  std::optional<worker::Blank> take();
  // A fork of the zygote that can be forked itself; nothing when there is no zygote.
  std::optional<worker::Blank> take_zygote();
  // Waits until there is something to take; false when it took too long.
  loop::Event::Awaiter ready(Instant deadline) { return ready_.wait(deadline); }
  bool is_ready() const;
  bool forks() const { return plan_.start == catalog::Start::kZygote; }

  // For lists: the zygote and the spares.
  struct Row {
    int pid = 0;
    bool is_zygote = false, is_ready = false;
    Duration age{};
  };
  std::vector<Row> rows() const;
  const Plan& plan() const { return plan_; }
  const std::string& last_end() const { return last_end_; }  // how the last that died ended

 private:
  class Kept;
  std::optional<worker::Blank> fork(bool is_zygote);
  void start_one();
  void on_ready(Kept& kept);
  void on_dead(Kept& kept);
  int wanted() const;
  Instant end_late();
  loop::Task<> keep();

  worker::Process::Surroundings around_;
  Plan plan_;
  std::vector<std::unique_ptr<Kept>> kept_;
  ArrivalRate arrivals_;
  Duration start_cost_{};
  int64_t bytes_each_ = 0;
  int failures_ = 0;  // in a row
  Instant not_before_{};
  std::string last_end_;
  bool is_open_ = false;
  loop::Event news_, ready_;
  loop::Scope scope_;
};

}  // namespace trivet::pool
