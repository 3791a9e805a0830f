#pragma once
// Which function of a port's program the body of a call asks for. Pure.

#include <string>
#include <string_view>

#include "base/result.h"
#include "worker/launch.h"

namespace trivet::worker {

// A JSON object with a text `function`, an array `args`, perhaps a
// text `module`, and nothing else, says it itself; any other body is the only argument of
// plan.handler, or of "handle", in the module that plan.entrypoint's name without extension is. No
// body is null. kInvalidInput when the body is not JSON.
struct PortTarget {
  std::string module, function;
  std::string args;  // a JSON array, its items as they were
};
Result<PortTarget> port_target(const LaunchPlan& plan, std::string_view body);

}  // namespace trivet::worker
