#pragma once
// Finding toolchains: which binary, which version. Runs the toolchain once and remembers the answer
// in a cache file, under the binary's path, time and size, so that a host starts without starting
// anything else.

#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "catalog/runtime.h"

namespace trivet::catalog {

// Runs a short command and returns what it printed (stdout and stderr). kIo when it fails or takes
// more than 5 s.
class CommandRunner {
 public:
  virtual ~CommandRunner() = default;
  virtual Result<std::string> run(const std::vector<std::string>& argv) = 0;
};
class RealCommandRunner final : public CommandRunner {
 public:
  Result<std::string> run(const std::vector<std::string>& argv) override;
};

class Prober {
 public:
  // `search_path` is PATH's value; `cache_dir` may be empty: nothing is remembered.
  Prober(CommandRunner& runner, std::string search_path, std::filesystem::path cache_dir);
  // Fills binary and version, or reason. Thread-safe.
  void probe(RuntimeSpec& runtime);

 private:
  struct Known {
    std::string stamp, binary, version;
  };
  std::string locate(const RuntimeSpec& runtime) const;
  void load();
  void save();

  CommandRunner& runner_;
  std::string search_path_;
  std::filesystem::path cache_file_;
  std::mutex mutex_;
  std::map<std::string, Known> known_;  // by runtime folder; guarded by mutex_
};

}  // namespace trivet::catalog
