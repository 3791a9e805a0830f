#include "worker/launch.h"

#include "wire/frame.h"
#include "wire/json.h"

namespace trivet::worker {

std::vector<std::string> program_environment(const LaunchPlan& plan) {
  std::vector<std::string> env;
  for (const auto& entry : plan.env)
    if (!plan.function_env.count(entry.substr(0, entry.find('=')))) env.push_back(entry);
  for (const auto& [key, value] : plan.function_env) env.push_back(key + "=" + value);
  return env;
}

std::string load_frame(const LaunchPlan& plan) {
  wire::json::object env;
  for (const auto& [key, value] : plan.function_env) env[key] = value;
  wire::json::object meta{
      {"function", plan.function},       {"dir", plan.dir},
      {"entrypoint", plan.entrypoint},   {"handler", plan.handler},
      {"interface", plan.interface},     {"env", std::move(env)},
      {"concurrency", plan.concurrency}, {"max_frame", plan.payload_bytes + limits::kFrameMetaMax},
      {"credit", limits::kStreamCredit}};
  if (!plan.output.empty()) meta["output"] = plan.output;
  const auto& policy = plan.policy;
  if (policy.level >= sandbox::Level::kSandbox && policy.limits.memory_bytes > 0)
    meta["memory"] = policy.limits.memory_bytes;
  std::string frame;
  wire::append_frame(frame, wire::FrameType::kLoad, 0, wire::to_text(meta), {});
  return frame;
}

}  // namespace trivet::worker
