#pragma once
// What a build consists of: which of the runtime's steps apply to a function, and under which key
// the output of each is kept.
//
// A key is a hash of what a step's output depends on: its command, what its inputs contain, the
// toolchain's version, the runtime's folder, and the key of the step before it. So all keys are
// known before anything runs, and functions with the same inputs share outputs.

#include <string>
#include <vector>

#include "catalog/function.h"
#include "catalog/runtime.h"

namespace trivet::builder {

struct Step {
  std::string name;
  std::vector<std::string> command;  // with ${words}
  std::string key;                   // 64 digits
  bool runs_command = false;         // and the manifest's own after it
};

// The steps that apply, in order. Looks at the names of files, and into those of `mentions`.
std::vector<const catalog::BuildStep*> steps_for(const catalog::FunctionSpec& spec,
                                                 const catalog::RuntimeSpec& runtime);
// Whether one of them runs the manifest's own command.
bool runs_in_step(const catalog::FunctionSpec& spec, const catalog::RuntimeSpec& runtime);
// The same with their keys: reads every input, so it belongs on a blocking thread. kIo with the
// path when an input cannot be read.
Result<std::vector<Step>> plan_steps(const catalog::FunctionSpec& spec,
                                     const catalog::RuntimeSpec& runtime,
                                     const std::string& entrypoint);
// What a runtime's own preparation goes by. Likewise.
Result<std::string> prepare_key(const catalog::RuntimeSpec& runtime);
// What the manifest's own command goes by. Likewise.
Result<std::string> command_key(const catalog::FunctionSpec& spec,
                                const catalog::RuntimeSpec& runtime);

}  // namespace trivet::builder
