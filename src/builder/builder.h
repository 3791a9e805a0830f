#pragma once
// Builder: from a function's source to what its worker runs.
//
// A build is the manifest's `build` command, in the source folder, then those of the runtime's
// steps that apply. The output of each step is kept under a hash of everything that went in
// (steps.h, store/store.h): the same is never made twice, also not by different functions. Callers
// of the same version share one build. At most `max_builds` run, the others wait in line. A build
// that fails leaves nothing behind.

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "builder/sharing.h"
#include "builder/slots.h"
#include "builder/steps.h"
#include "catalog/snapshot.h"
#include "loop/blocking.h"
#include "loop/loop.h"
#include "loop/scope.h"
#include "store/store.h"
#include "worker/process.h"

namespace trivet::builder {

struct Artifact {
  std::filesystem::path output;  // of the runtime's steps; empty when none applies
  std::string
      entrypoint;  // relative to the function's folder: the manifest's build.output when it has one
  std::vector<std::filesystem::path>
      needs{};                       // outputs of earlier steps that links of it lead into
  std::filesystem::path prepared{};  // what its runtime has made of itself; empty when nothing
};

// Tells workers and builds where that is.
inline constexpr const char* kPreparedVariable = "TRIVET_PREPARED";

// Where artifacts come from, as those see it who need one.
class Artifacts {
 public:
  // kBuildFailed with step, exit_code or signal, and output (its last lines) as details; kIo when
  // the cache cannot be written.
  virtual loop::Task<Result<Artifact>> build(catalog::FunctionPtr spec,
                                             catalog::RuntimePtr runtime) = 0;
  // What the runtime makes of itself once (runtime.yaml, `prepare`): the folder, which its workers
  // and builds see; empty when there is nothing to make. Errors as above.
  virtual loop::Task<Result<std::filesystem::path>> prepare(catalog::RuntimePtr runtime,
                                                            sandbox::Level level) = 0;

 protected:
  ~Artifacts() = default;
};

class Builder final : public Artifacts {
 public:
  struct Surroundings {
    loop::Loop& loop;
    const Clock& clock;
    LogSink& logs;
    loop::BlockingPool& blocking;
    launcher::Launcher& launcher;
  };
  struct Settings {
    int max_builds = 0;                          // that run at once; 0 = as many as there are CPUs
    Duration unwanted = limits::kBuildUnwanted;  // a build that nobody waits for goes on that long
    SharingSettings sharing{};
  };
  Builder(Surroundings around, std::filesystem::path cache_dir, Settings settings);
  Builder(Surroundings around, std::filesystem::path cache_dir)
      : Builder(around, std::move(cache_dir), Settings{}) {}
  ~Builder();

  // True when nothing has to be done: build() would return at once.
  static bool is_trivial(const catalog::FunctionSpec& spec, const catalog::RuntimeSpec& runtime);
  // Who drops the task no longer waits for the build: when all have, it is ended, at once while it
  // is in line.
  loop::Task<Result<Artifact>> build(catalog::FunctionPtr spec,
                                     catalog::RuntimePtr runtime) override;
  // Who drops the task ends what is being made.
  loop::Task<Result<std::filesystem::path>> prepare(catalog::RuntimePtr runtime,
                                                    sandbox::Level level) override;
  // What was built is in the shared store, or has failed to get there; false: not by the deadline.
  loop::Task<bool> settled(Instant deadline) { return sharing_.settled(deadline); }

 private:
  struct Running;
  struct Interest;
  struct Making;
  struct MakingOf;
  using RunningPtr = std::shared_ptr<Running>;

  loop::Task<> supervise(RunningPtr running, std::string key);
  loop::Task<> run(RunningPtr running);
  loop::Task<Result<Artifact>> build_now(RunningPtr running);
  loop::Task<Status> make_prepared(catalog::RuntimePtr runtime, sandbox::Level level,
                                   std::filesystem::path place);
  loop::Task<Status> run_user_command(RunningPtr running);
  loop::Task<Status> provide(RunningPtr running, std::vector<Step> steps, size_t index);
  loop::Task<Status> make(RunningPtr running, std::vector<Step> steps, size_t index);
  loop::Task<Sharing::Pulled> fetch(RunningPtr running, std::string key);
  loop::Task<bool> is_there(RunningPtr running, std::string key);
  loop::Task<Slots::Held> take_slot(RunningPtr running);
  // `output`: the folder whose size is watched, or empty.
  loop::Task<Status> run_step(RunningPtr running, std::string name, std::vector<std::string> argv,
                              std::filesystem::path output);
  loop::Task<bool> await_end(Running& running, loop::Event& ended, std::filesystem::path output,
                             Error& too_much);
  Error failure(const Running& running, const std::string& name,
                const worker::Obituary& obituary) const;
  void say(const Running& running, LogLevel level, std::string text);
  void say(const std::string& function, LogLevel level, std::string text);
  std::string title_of(const Running& running, const std::string& step) const;
  void discard(std::filesystem::path dir);
  loop::Task<> remove(std::filesystem::path dir);

  Surroundings around_;
  std::filesystem::path cache_;
  Settings settings_;
  std::shared_ptr<store::Store> store_;  // shared with work on blocking threads
  Sharing sharing_;
  Slots slots_;
  std::map<std::string, RunningPtr> running_;                   // by function version
  std::map<std::string, std::shared_ptr<loop::Event>> making_;  // by key: set when it is over
  bool is_closing_ = false;
  loop::Scope scope_;
};

// The environment of builds and workers: what programs need to find their way, nothing of the
// host's secrets.
std::vector<std::string> base_environment(const std::map<std::string, std::string>& added);
// That of workers: in a sandbox with a home of their own.
std::vector<std::string> worker_environment(std::map<std::string, std::string> added,
                                            sandbox::Level level);
// That of builds: they may also need to know the way to the world, and what the runtime's tools are
// told by variables that begin with one of `passed`.
std::vector<std::string> build_environment(const std::vector<std::string>& passed,
                                           sandbox::Level level);
// An absolute path for a program named as in a shell, empty when PATH has none.
std::string find_program(const std::string& name);

}  // namespace trivet::builder
