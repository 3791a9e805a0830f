#pragma once
// Finding toolchains: which binaries, which versions. Runs each once and remembers the answer in a
// cache file, under path, time and size of what was run and of what it turned out to be, so that a
// host starts without starting anything else.

#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <utility>
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

struct Toolchain {
  std::string binary, version;  // "?": it does not say
};

class Prober {
 public:
  // `search_path` is PATH's value; `cache_dir` may be empty: nothing is remembered.
  Prober(CommandRunner& runner, std::string search_path, std::filesystem::path cache_dir);
  // Fills binary and version with the first candidate's, or reason. Thread-safe.
  void probe(RuntimeSpec& runtime);
  // What there is beside the one that `first` has, which was probed. A binary comes once however
  // many links lead to it, and of two that say the same version the first. One that cannot be run
  // or tells no version is left out, and run again when its file changes, or with kAgain.
  // Thread-safe.
  enum class Failed { kLeftOut, kAgain };
  std::vector<Toolchain> others(const RuntimeSpec& first, Failed failed);

 private:
  struct Known {
    std::string stamp, binary, binary_stamp, version;  // "!": it does not run
  };
  enum class Order { kFirst, kOther };
  Result<Toolchain> look(const RuntimeSpec& runtime, const std::string& candidate, Order order);
  Result<Toolchain> ask(const RuntimeSpec& runtime, const std::string& candidate, Order order);
  bool has_failed(const RuntimeSpec& runtime, const std::string& candidate);
  void load();
  void save();

  CommandRunner& runner_;
  std::string search_path_;
  std::filesystem::path cache_file_;
  std::mutex mutex_;
  // By runtime folder and candidate; guarded by mutex_.
  std::map<std::pair<std::string, std::string>, Known> known_;
};

}  // namespace trivet::catalog
