#include "worker/port_target.h"

#include <filesystem>

#include "wire/json_members.h"

namespace trivet::worker {
namespace {

constexpr std::string_view kDefaultFunction = "handle";

}  // namespace

Result<PortTarget> port_target(const LaunchPlan& plan, std::string_view body) {
  PortTarget target{std::filesystem::path{plan.entrypoint}.stem().string(),
                    plan.handler.empty() ? std::string{kDefaultFunction} : plan.handler,
                    {}};
  auto not_json = [](const Error& error) {
    return Error{ErrorCode::kInvalidInput, "the body is not JSON: " + error.message};
  };
  size_t first = body.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) {
    target.args = "[null]";
    return target;
  }
  if (body[first] != '{') {
    if (Status valid = wire::check_json(body); !valid) return not_json(valid.error());
    target.args = "[" + std::string{body} + "]";
    return target;
  }
  auto members = wire::json_members(body);
  if (!members) return not_json(members.error());
  const auto* function = wire::find_member(*members, "function");
  const auto* args = wire::find_member(*members, "args");
  const auto* module = wire::find_member(*members, "module");
  auto is_text = [](const wire::JsonMember& member) { return member.value.starts_with('"'); };
  bool all_known = members->size() == (module ? 3U : 2U);
  if (!all_known || !function || !args || !is_text(*function) || !args->value.starts_with('[') ||
      (module && !is_text(*module))) {
    target.args = "[" + std::string{body} + "]";
    return target;
  }
  auto function_name = wire::json_string(function->value);
  if (!function_name) return std::move(function_name).error();
  target.function = std::move(*function_name);
  if (module) {
    auto module_name = wire::json_string(module->value);
    if (!module_name) return std::move(module_name).error();
    target.module = std::move(*module_name);
  }
  target.args = args->value;
  return target;
}

}  // namespace trivet::worker
