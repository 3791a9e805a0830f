#pragma once
// Served: one version of one function, from its description to its pool of workers.

#include <functional>
#include <memory>
#include <optional>

#include "builder/builder.h"
#include "catalog/snapshot.h"
#include "dispatch/homes.h"
#include "dispatch/secrets.h"
#include "dispatch/starter.h"
#include "loop/loop.h"
#include "pool/pool.h"
#include "vault/redactor.h"
#include "worker/launch.h"

namespace trivet::dispatch {

class Served {
 public:
  // Whose workers its own come of, once its runtime is prepared; null: every worker is a program
  // that is started.
  using NurseryOf = std::function<std::shared_ptr<pool::Nursery>(
      const catalog::FunctionSpec&, const catalog::RuntimePtr&,
      const std::filesystem::path& prepared)>;
  struct Surroundings {
    loop::Loop& loop;
    const Clock& clock;
    LogSink& logs;
    builder::Artifacts& artifacts;
    worker::HostServices& services;
    launcher::Launcher& launcher;
    NurseryOf nursery;
    pool::Budget& budget;
    Part part;                             // of its workers and calls
    pool::Factories* factories = nullptr;  // nullptr: real workers
    vault::ValuesPtr secrets{};            // nullptr: there are none
  };
  Served(Surroundings around, catalog::FunctionPtr spec, catalog::RuntimePtr runtime);

  const catalog::FunctionSpec& spec() const { return *spec_; }
  const catalog::FunctionPtr& spec_ptr() const { return spec_; }
  const catalog::RuntimeSpec& runtime() const { return *runtime_; }

  // Builds what has to be built and makes the pool. Ready after the first success; a failure is
  // remembered for a moment, so that a broken build is not repeated by every call.
  // kRuntimeNotAvailable, kBuildFailed, kIo; kInvalidManifest for a secret that is not set.
  loop::Task<Status> prepare();
  // Only what has to be built; secrets are no part of it.
  loop::Task<Status> build_only();
  bool prepared() const { return pool_ != nullptr; }
  pool::Pool* pool() { return pool_.get(); }
  const pool::Pool* pool() const { return pool_.get(); }
  const Starter* starter() const { return starter_; }  // null before it is prepared
  // Are its secrets those, as its workers have them?
  bool has_secrets_of(const vault::Values& known) const;
  // Takes the values of its secrets out of what somebody is going to read.
  void clean(Error& error) const {
    if (redactor_) redactor_->clean(error);
  }
  // Another version has taken its place, or none: it gets no new calls.
  bool retired = false;
  bool listed = false;  // among those that the dispatcher waits for to be drained

 private:
  Status check_toolchain() const;
  LogSink& logs();
  worker::LaunchPlan plan_worker(const builder::Artifact& artifact) const;
  loop::Task<Result<builder::Artifact>> build();

  Surroundings around_;
  catalog::FunctionPtr spec_;
  catalog::RuntimePtr runtime_;
  Result<FunctionSecrets> secrets_{FunctionSecrets{}};
  std::optional<vault::Redactor> redactor_;  // nothing: it has no secrets worth hiding
  std::optional<vault::CleanSink> clean_logs_;
  std::unique_ptr<pool::Pool> pool_;
  Starter* starter_ = nullptr;  // the pool's
  std::optional<Error> failure_;
  Instant failure_until_{};
};

using ServedPtr = std::shared_ptr<Served>;

// How to start a worker of this function. Pure.
worker::LaunchPlan plan_launch(const catalog::FunctionSpec& spec,
                               const catalog::RuntimeSpec& runtime,
                               const builder::Artifact& artifact);

}  // namespace trivet::dispatch
