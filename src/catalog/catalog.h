#pragma once
// Catalog: publishes what exists as immutable snapshots, and makes a new one when asked to look
// again.

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "catalog/discovery.h"
#include "catalog/prober.h"
#include "catalog/snapshot.h"

namespace trivet::catalog {

struct Config {
  std::filesystem::path root;  // a folder or one source file
  std::vector<std::filesystem::path> runtime_dirs;
  std::map<std::string, std::string> environment;  // for ${VAR} in manifests
  std::map<std::string, std::string> overrides;    // of a lone file, from the command line
  // See DiscoveryInput::unpacked. Called while a scan goes on, on its thread.
  std::function<Result<std::filesystem::path>(const std::filesystem::path&)> unpacked{};
  std::filesystem::path data_dir{};  // see DiscoveryInput
  sandbox::Level floor = sandbox::Level::kSandbox;
};

// Names of functions.
struct Changes {
  std::vector<std::string> added, changed, removed;
  bool empty() const { return added.empty() && changed.empty() && removed.empty(); }
};

class Catalog {
 public:
  // kIo when no runtimes are found or the root does not exist.
  static Result<std::unique_ptr<Catalog>> open(Config config, Prober& prober);

  // Any thread.
  SnapshotPtr current() const;
  // Looks at everything again; any thread, one at a time. A root that has vanished leaves the
  // functions as they were, with a problem.
  Changes reload();
  // A function that no file describes: it is there from now on, whatever a reload finds. A name
  // that is taken is kInvalidRequest; what is wrong with it, as of a manifest's. Any thread.
  Status add(FunctionSpec spec);
  // False when there is no such function that add() gave. Any thread.
  bool remove(const std::string& name);
  // Looks for the toolchains of runtimes that no function uses, and for all their versions.
  void probe_all();

 private:
  Catalog(Config config, Prober& prober) : config_(std::move(config)), prober_(prober) {}
  std::shared_ptr<Snapshot> scan(const Snapshot& before);
  void publish(std::shared_ptr<Snapshot> next);
  RuntimePtr probed(const RuntimePtr& runtime);
  std::vector<RuntimePtr> others(const RuntimePtr& first, bool again);
  void begin_look();
  DiscoveryInput input_of(std::function<RuntimePtr(const RuntimePtr&)> probed);
  void put_versions(const Snapshot& before, Snapshot& next) const;

  Config config_;
  Prober& prober_;
  std::mutex scanning_;                                    // one scan at a time
  std::map<std::string, RuntimePtr> probed_;               // of this scan; guarded by scanning_
  std::map<std::string, std::vector<RuntimePtr>> others_;  // likewise, beside the default
  std::set<std::string> again_;                            // likewise, those tried again
  std::map<std::string, FunctionPtr> added_;               // guarded by scanning_
  mutable std::mutex mutex_;
  SnapshotPtr current_;  // guarded by mutex_
};

}  // namespace trivet::catalog
