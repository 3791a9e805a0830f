#pragma once
// Dispatcher: the one path of every call. dispatch.cc is the table of contents of the product.
//
// Whatever way a call came in, invoke() admits it, resolves its function, prepares what has to run,
// checks out a worker, runs the call with a deadline and settles it. One version of a function
// being served is a Served (served.h); switching.cc replaces one by another: calls in flight finish
// on the old workers while new calls start on the new.

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "builder/builder.h"
#include "catalog/snapshot.h"
#include "dispatch/homes.h"
#include "dispatch/nurseries.h"
#include "dispatch/served.h"
#include "dispatch/tokens.h"
#include "loop/scope.h"
#include "pool/pool.h"
#include "telemetry/stats.h"
#include "worker/call.h"
#include "worker/host_services.h"

namespace trivet::dispatch {

class Dispatcher final : public worker::HostServices {
 public:
  struct Surroundings {
    loop::Loop& loop;
    const Clock& clock;
    LogSink& logs;
    telemetry::Stats& stats;
    builder::Artifacts& artifacts;
    Tokens& tokens;
    launcher::Launcher& launcher;
    pool::Budget& budget;
    pool::Factories* factories = nullptr;     // nullptr: real workers
    Neighbours* neighbours = nullptr;         // nullptr: there is one shard
    const vault::Secrets* secrets = nullptr;  // nullptr: there are none
  };
  explicit Dispatcher(Surroundings around);
  ~Dispatcher();

  // One call, from admission to its reply. Every code of ErrorCode that is about functions can come
  // back; the error has `function` and facts about what happened. A streamed reply is still running
  // when this returns. Dropping the task cancels the call.
  loop::Task<Result<worker::Reply>> invoke(worker::Call call) override;

  // Keeps zygotes and spares for the runtimes of the functions, from now on. `spare_bytes` is the
  // memory that the spares of one runtime may take.
  void keep_warm(int64_t spare_bytes);

  // What exists from now on, secrets included. A function that is in use and changed is switched
  // over: the old version answers until the new one has a worker, or is known not to work. One that
  // is gone stops at once; eager ones are warmed.
  void adopt(catalog::SnapshotPtr snapshot);
  // Waits until no function is being switched over. false: the deadline passed first.
  loop::Task<bool> switched(Instant deadline);
  const catalog::SnapshotPtr& snapshot() const { return snapshot_; }
  // A function whose secrets are not there; nothing: it has all that it asks for.
  std::optional<Error> lacks_secrets(const catalog::FunctionSpec& spec) const;

  // Where one-shot functions find this host.
  void set_public_url(std::string url) { public_url_ = std::move(url); }

  // Builds one function now, without calling it.
  loop::Task<Status> prepare(std::string function);

  // No new calls (kUnavailable); waits for those in flight until `deadline`.
  loop::Task<> quiet(Instant deadline);
  // The same, and then ends every worker.
  loop::Task<> drain(Instant deadline);
  bool draining() const { return draining_; }

  // For lists: live workers of current and retiring versions.
  struct WorkerRow {
    std::string function, runtime, version;
    bool retiring = false;
    pool::WorkerView view;
  };
  std::vector<WorkerRow> workers() const;
  // Zygotes of runtimes and of functions, and spares.
  std::vector<Nurseries::Row> zygotes_and_spares() const;
  // Why the workers of functions are not forked; without those that are, or where nobody tried.
  std::map<std::string, std::string> not_forked() const;
  struct PoolRow {
    std::string function, runtime, version;
    bool retiring = false;
    pool::PoolView view;
    size_t shard = 0;  // whose it is; known to the host
  };
  std::vector<PoolRow> pools() const;
  const pool::Budget& budget() const { return around_.budget; }
  // A call waits although a worker could take it: never for longer than a moment (pool.h).
  bool waits_beside_free() const;
  int64_t in_flight() const { return in_flight_; }
  // Ends of workers by reason, over all pools that ever were.
  std::array<int64_t, worker::kEndReasonCount> worker_ends() const;

 private:
  template <class F>
  void each_pool(F visit) const;
  std::optional<Part> part(std::string_view function) const;
  Nurseries::Wanted lives_here() const;
  Result<ServedPtr> resolve(const std::string& function);
  Result<ServedPtr> resolve_for(const worker::Call& call);
  loop::Task<Result<ServedPtr>> prepare_for(worker::Call& call, ServedPtr served);
  Error not_found(const std::string& function) const;
  void settle(telemetry::FunctionStats& stats, const Result<worker::Reply>& outcome,
              const worker::Timing& timing);
  void keep_nurseries();
  loop::Task<> prepare_runtime(catalog::RuntimePtr runtime, sandbox::Level level);
  void learn_prepared(const catalog::RuntimePtr& runtime, const std::filesystem::path& place);
  ServedPtr make_served(catalog::FunctionPtr spec, catalog::RuntimePtr runtime);
  Status admit(worker::Call& call);
  void log_failure(const worker::Call& call, const Error& error);
  bool replace(const std::string& name, const ServedPtr& old);
  loop::Task<> switch_over(std::string name, ServedPtr next);
  loop::Task<> warm(ServedPtr served);
  loop::Task<Status> first_worker(ServedPtr served);
  void retire(ServedPtr served, worker::EndReason reason);
  loop::Task<> retire_when_prepared(ServedPtr served, worker::EndReason reason);
  loop::Task<> bury(ServedPtr served);

  Surroundings around_;
  catalog::SnapshotPtr snapshot_;
  vault::ValuesPtr secrets_;
  std::map<std::string, ServedPtr, std::less<>> serving_;
  std::map<std::string, ServedPtr, std::less<>>
      coming_;  // will take the place of those in serving_
  std::vector<ServedPtr> retiring_;
  Nurseries nurseries_;
  std::set<catalog::RuntimePtr> preparing_;
  std::array<int64_t, worker::kEndReasonCount> past_ends_{};
  int64_t in_flight_ = 0;
  bool draining_ = false;
  bool closed_ = false;  // not even for calls that calls in flight make
  std::string public_url_;
  loop::Event quiet_;
  loop::Event switched_;  // coming_ is empty
  loop::Scope scope_;
};

}  // namespace trivet::dispatch
