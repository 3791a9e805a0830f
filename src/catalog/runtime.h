#pragma once
// A runtime as its folder describes it (runtimes/CONTRACT.md), with what was found on this machine.

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace trivet::catalog {

struct BuildStep {
  std::string name;
  std::vector<std::string> command;  // with ${words}
  std::string group;                 // of the steps with one name here, the first that applies runs
  // It applies when all these files are in the function's folder, none of those is, and each of
  // the files named last contains its text, and the entrypoint ends with one of `entrypoints`.
  std::vector<std::string> when, unless;
  std::vector<std::string> entrypoints;  // endings; empty = any
  std::map<std::string, std::string> mentions;
  std::vector<std::string> inputs;  // globs: what its key is made of; empty = the build's
  // The manifest's own build command follows its words: it runs it. Without such a step that
  // command runs before all steps, in the function's folder.
  bool runs_command = false;
  bool operator==(const BuildStep&) const = default;
};

// Who a new worker comes from.
enum class Start {
  kExec,    // its program is started
  kSpare,   // a blank worker that was started before anybody asked
  kZygote,  // a fork of a warmed parent
};
std::string_view name(Start start);  // "zygote"

struct RuntimeSpec {
  std::string name;  // the folder's; "NAME@VERSION" for a version that is not the default
  std::string title;
  std::filesystem::path dir;        // absolute
  std::vector<std::string> shares;  // folders beside it whose files belong to it too
  std::vector<std::string> extensions;
  int priority = 50;
  std::vector<std::string> entrypoints;
  std::vector<std::string> interfaces;      // the first is the default
  int concurrency = 1;                      // 0 = any number
  std::vector<std::string> pool_command;    // starts the shim; empty = there is none
  Start start = Start::kExec;               // of pool_command's workers
  std::vector<std::string> not_blank_with;  // files that a worker must be started beside
  std::vector<std::string> oneshot_command;
  bool warm_oneshot = false;               // the shim can run such a program too
  std::vector<std::string> not_warm_with;  // beginnings of variables that matter at the start only
  std::map<std::string, std::string> env;
  std::vector<std::string>
      prepare_command;             // run once, before anything else; empty = nothing to do
  std::vector<std::string> reads;  // globs of host paths that its workers must see in a sandbox
  std::vector<std::string> build_inputs;  // globs
  std::vector<BuildStep> build_steps;     // none that applies = the source runs as it is
  std::vector<std::string> build_passes;  // beginnings of the host's variables that steps get
  std::string run_in;  // with ${words}: where workers of what was built run; empty = the source
  std::map<std::string, std::string> build_env;  // with ${words}: added to theirs
  std::vector<std::string> binary_candidates;
  std::vector<std::string> binary_versions;  // globs: where other versions may be
  std::vector<std::string> resolve_args;     // run once to find the real path; empty = none
  std::vector<std::string> version_args;
  std::string version_pattern;  // first group is the version
  std::string untested;         // why nobody has run it; empty = it is tested
  std::string install;          // the command that installs the toolchain, its words expanded

  // What was found on this machine; `binary` is empty when the toolchain is missing and `reason`
  // says why.
  std::string binary;
  std::string version;
  std::string reason;

  std::string family() const { return name.substr(0, name.find('@')); }  // the folder's name
  bool available() const { return !binary.empty(); }
  bool offers(std::string_view interface) const;
  // How a worker of that interface starts; empty = it cannot. `stdio` and the protocols of
  // wire/port_protocol.h run the user's own program, everything else the shim.
  const std::vector<std::string>& command_of(std::string_view interface) const;
  // Its processes are told at their start how much memory they have: a spare has the default.
  bool needs_memory_at_start() const;
  // The shim can run a `stdio` program that has this environment of its own.
  bool runs_warm(const std::map<std::string, std::string>& function_env) const;
  bool keeps_workers() const;  // some interface has workers that stay
  bool operator==(const RuntimeSpec&) const = default;
};

// Values for the ${words} of a command. Unknown words are an error of the manifest, found when it
// is read.
struct Words {
  std::string binary, runtime, runtimes, entrypoint, source, output, handler, interface;
  std::string lone = "no";  // "yes": the entrypoint is all there is, its folder is not the function
  std::string cache{};      // of package managers, for all functions; while something is built
  std::string has_command = "no";  // "yes": the manifest has a build command of its own
  std::string memory_mib{};        // what the language's heap may take; while a worker is started
};
// Of what is known without a function.
Words folders_of(const RuntimeSpec& runtime);
std::vector<std::string> expand(const std::vector<std::string>& command, const Words& words);
std::map<std::string, std::string> expand(std::map<std::string, std::string> env,
                                          const Words& words);

}  // namespace trivet::catalog
