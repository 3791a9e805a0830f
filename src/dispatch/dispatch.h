#pragma once
// Dispatcher: the one path of every call. dispatch.cc is the table of contents of the product.
//
// Whatever way a call came in, invoke() admits it, resolves its function, prepares what has to run,
// checks out a worker, runs the call with a deadline and settles it. One version of a function
// being served is a Served (served.h); a new snapshot retires the versions that changed: their
// calls in flight finish on the old workers while new calls start on the new.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "builder/builder.h"
#include "catalog/snapshot.h"
#include "dispatch/served.h"
#include "dispatch/tokens.h"
#include "loop/scope.h"
#include "pool/pool.h"
#include "telemetry/stats.h"
#include "worker/call.h"

namespace trivet::dispatch {

class Dispatcher {
 public:
  struct Surroundings {
    loop::Loop& loop;
    const Clock& clock;
    LogSink& logs;
    telemetry::Stats& stats;
    builder::Builder& builder;
    Tokens& tokens;
    launcher::Launcher& launcher;
  };
  explicit Dispatcher(Surroundings around);
  ~Dispatcher();

  // One call, from admission to its reply. Every code of ErrorCode that is about functions can come
  // back; the error has `function` and facts about what happened. A streamed reply is still running
  // when this returns. Dropping the task cancels the call.
  loop::Task<Result<worker::Reply>> invoke(worker::Call call);

  // Keeps zygotes and spares for the runtimes of the functions, from now on. `spare_bytes` is the
  // memory that the spares of one runtime may take.
  void keep_warm(int64_t spare_bytes);

  // What exists from now on. Versions that changed are drained, eager ones are warmed.
  void adopt(catalog::SnapshotPtr snapshot);
  const catalog::SnapshotPtr& snapshot() const { return snapshot_; }

  // Where one-shot functions find this host.
  void set_public_url(std::string url) { public_url_ = std::move(url); }

  // Builds one function now, without calling it.
  loop::Task<Status> prepare(std::string function);

  // No new calls (kUnavailable); waits for those in flight until `deadline`, then ends every
  // worker.
  loop::Task<> drain(Instant deadline);
  bool draining() const { return draining_; }

  // For lists: live workers of current and retiring versions.
  struct WorkerRow {
    std::string function, runtime, version;
    bool retiring = false;
    pool::WorkerView view;
  };
  std::vector<WorkerRow> workers() const;
  struct ZygoteRow {
    std::string runtime, function;  // no function: it is the runtime's own, or a spare
    pool::Nursery::Row row;
  };
  std::vector<ZygoteRow> zygotes_and_spares() const;
  // Why a function's workers are not forked; empty when they are, or when nobody tried.
  std::string not_forked(std::string_view function) const;
  int64_t in_flight() const { return in_flight_; }
  // Ends of workers by reason, over all pools that ever were.
  std::array<int64_t, worker::kEndReasonCount> worker_ends() const;

 private:
  Result<ServedPtr> resolve(const std::string& function);
  Error not_found(const std::string& function) const;
  void settle(telemetry::FunctionStats& stats, const Result<worker::Reply>& outcome,
              const worker::Timing& timing);
  void log_failure(const worker::Call& call, const Error& error);
  void adopt_nurseries();
  void retire(ServedPtr served, worker::EndReason reason);
  loop::Task<> retire_when_prepared(ServedPtr served, worker::EndReason reason);
  loop::Task<> bury(ServedPtr served);

  Surroundings around_;
  catalog::SnapshotPtr snapshot_;
  std::map<std::string, ServedPtr, std::less<>> serving_;
  std::vector<ServedPtr> retiring_;
  std::map<std::string, std::shared_ptr<pool::Nursery>, std::less<>> nurseries_;  // by runtime
  std::optional<int64_t> spare_bytes_;  // nothing: no zygotes, no spares
  std::array<int64_t, worker::kEndReasonCount> past_ends_{};
  int64_t in_flight_ = 0;
  bool draining_ = false;
  std::string public_url_;
  loop::Event quiet_;
  loop::Scope scope_;
};

}  // namespace trivet::dispatch
