#pragma once
// Which functions are below a folder. Reads manifests and looks at files; starts nothing but
// toolchain probes.
//
// What is found, in this order of preference per folder: trivet.yaml (one function, or `functions:`
// of a project), Alyx schema.yaml, Alyx manifest.yaml, an entrypoint that some runtime looks for (a
// function named after the folder). Files with a known extension are functions of their own, and
// an archive is the folder that is in it. One broken function is a Problem and the others serve.

#include <functional>
#include <map>

#include "catalog/snapshot.h"

namespace trivet::catalog {

struct DiscoveryInput {
  std::filesystem::path root;  // a folder or one source file
  std::map<std::string, RuntimePtr, std::less<>> runtimes;
  const std::map<std::string, std::string>& environment;  // for ${VAR}
  std::map<std::string, std::string>
      overrides;  // of every function: interface, mode, runtime, timeout
  // The same runtime with its toolchain looked for. Called for runtimes that functions use.
  std::function<RuntimePtr(const RuntimePtr&)> probed;
  // The others that are there beside such a one, each a runtime of its own. Those that could not be
  // run before are tried `again`.
  std::function<std::vector<RuntimePtr>(const RuntimePtr&, bool again)> others;
  // The folder with what is in an archive; empty: archives are no functions.
  std::function<Result<std::filesystem::path>(const std::filesystem::path&)> unpacked{};
  std::filesystem::path data_dir{};  // trivet's own: no function may read or write there
  sandbox::Level floor = sandbox::Level::kSandbox;  // the operator's: no function may ask for less
  // Of this look, by folder and runtime: what the sources beside lone files add to their versions.
  mutable std::map<std::pair<std::filesystem::path, std::string>, std::string> beside{};
  // Likewise, by folder: what a runtime's own files add.
  mutable std::map<std::filesystem::path, std::string> shims{};
};

struct Discovered {
  std::vector<FunctionSpec> functions;
  std::vector<Problem> problems;
};

Discovered discover(const DiscoveryInput& input);

// Does `version` satisfy what a manifest asks for: "3.11" (a prefix), ">=1.0.0", "^20", "~1.2",
// "=3.1.0", several with blanks between them.
bool version_satisfies(std::string_view version, std::string_view wanted);
bool version_newer(std::string_view version, std::string_view than);

}  // namespace trivet::catalog
