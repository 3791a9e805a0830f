#pragma once
// Builder: from a function's source to what its worker runs.
//
// A build is the manifest's `build` command, in the source folder, then the runtime's own steps,
// into an artifact folder that is kept under a hash of everything that went in. The same content is
// never built twice, callers of the same content share one build, and a build that fails leaves
// nothing behind: an artifact appears by rename, whole.

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "catalog/snapshot.h"
#include "loop/blocking.h"
#include "loop/loop.h"
#include "loop/scope.h"
#include "worker/process.h"

namespace trivet::builder {

struct Artifact {
  std::filesystem::path output;  // of the runtime's steps; empty when it has none
  std::string
      entrypoint;  // relative to the function's folder: the manifest's build.output when it has one
};

// Where artifacts come from, as those see it who need one.
class Artifacts {
 public:
  // kBuildFailed with step, exit_code or signal, and output (its last lines) as details; kIo when
  // the cache cannot be written.
  virtual loop::Task<Result<Artifact>> build(catalog::FunctionPtr spec,
                                             catalog::RuntimePtr runtime) = 0;

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
  Builder(Surroundings around, std::filesystem::path cache_dir)
      : around_(around), cache_(std::move(cache_dir)), scope_(around.loop) {}

  // True when nothing has to be done: build() would return at once.
  static bool is_trivial(const catalog::FunctionSpec& spec, const catalog::RuntimeSpec& runtime);
  loop::Task<Result<Artifact>> build(catalog::FunctionPtr spec,
                                     catalog::RuntimePtr runtime) override;

 private:
  struct Running;
  loop::Task<> run(std::shared_ptr<Running> running, std::string key);
  loop::Task<Result<Artifact>> build_now(catalog::FunctionPtr spec, catalog::RuntimePtr runtime);
  loop::Task<Status> run_user_command(const catalog::FunctionSpec& spec,
                                      const catalog::RuntimeSpec& runtime);
  loop::Task<Result<std::filesystem::path>> run_steps(const catalog::FunctionSpec& spec,
                                                      const catalog::RuntimeSpec& runtime,
                                                      const std::string& entrypoint);
  loop::Task<Status> run_step(const catalog::FunctionSpec& spec, std::string name,
                              std::vector<std::string> argv);

  Surroundings around_;
  std::filesystem::path cache_;
  std::map<std::string, std::shared_ptr<Running>> running_;  // by function version
  loop::Scope scope_;
};

// The environment of builds and workers: what programs need to find their way, nothing of the
// host's secrets.
std::vector<std::string> base_environment(const std::map<std::string, std::string>& added);
// An absolute path for a program named as in a shell, empty when PATH has none.
std::string find_program(const std::string& name);

}  // namespace trivet::builder
