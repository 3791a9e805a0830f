#pragma once
// LaunchPlan: everything a worker needs to start, worked out before by dispatch. No questions are
// asked later.

#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"
#include "sandbox/policy.h"

namespace trivet::worker {

struct LaunchPlan {
  std::string function;
  std::string runtime;
  std::vector<std::string> argv;  // argv[0] absolute
  std::vector<std::string> env;   // "KEY=value": of the process
  std::string dir;                // current directory
  std::string entrypoint, handler, interface;
  std::string output;  // what the runtime's build made; empty when it has none
  std::map<std::string, std::string>
      function_env;  // travels in LOAD (framed) or in the request and the environment (one-shot)
  int concurrency = 1;
  bool sees_request = false;  // the interface gets method, path and headers
  size_t payload_bytes = limits::kPayloadDefault;
  Duration start_timeout = limits::kStartTimeoutDefault;
  sandbox::Policy policy = sandbox::at_level(sandbox::Level::kTrusted);
};

// What a program of the user's own is started with: the function's variables win.
std::vector<std::string> program_environment(const LaunchPlan& plan);

// The LOAD frame that gives a blank worker its function.
std::string load_frame(const LaunchPlan& plan);

}  // namespace trivet::worker
