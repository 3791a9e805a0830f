#include "catalog/alyx.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "catalog/confinement.h"
#include "wire/json.h"
#include "wire/text.h"

namespace trivet::catalog {
namespace {

constexpr auto kInterfaceName = "stdio";

void read_routes(Reader& reader, FunctionSpec& spec) {
  reader.maps("routes", [&spec](Reader& r) {
    HttpRoute route;
    r.text("path", route.path);
    r.texts("methods", route.methods);
    if (r.failed()) return;
    if (!route.path.starts_with('/')) return r.fail(r.node(), "a route's path must start with /");
    for (const auto& method : route.methods) {
      constexpr std::array kMethods{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"};
      if (std::find(kMethods.begin(), kMethods.end(), method) == kMethods.end())
        return r.fail(r.node(), "\"" + method + "\" is not a method");
    }
    spec.routes.push_back(std::move(route));
  });
}

void read_hook(Reader& r) {
  auto type = r.choice("type", {"database", "auth", "webhook"});
  std::string source, action, config;
  r.text("source", source);
  r.text("action", action);
  r.choice("mode", {"sync", "async"});
  r.take("config");
  bool verified = false;
  r.map("verification", [&verified](Reader& v) {
    std::string header, secret;
    auto algorithm = v.choice("type", {"hmac-sha256", "hmac-sha1"});
    v.text("header", header);
    v.text("secret", secret);
    v.boolean("skip_invalid", verified);
    if (!v.failed() && (!algorithm || header.empty() || secret.empty()))
      v.fail(v.node(), "verification needs type, header and secret");
    verified = true;
  });
  if (r.failed()) return;
  if (!type) return r.fail(r.node(), "a hook needs a type");
  if (*type < 2 && (source.empty() || action.empty()))
    r.fail(r.node(), "a database or auth hook needs source and action");
  if (*type == 2 && !verified) r.fail(r.node(), "a webhook needs verification");
}

void read_schedule(Reader& r) {
  std::string name, expression, timezone;
  r.text("name", name);
  auto type = r.choice("type", {"cron", "interval", "one_time"});
  r.text("expression", expression);
  r.text("timezone", timezone);
  r.take("config");
  r.take("input");
  r.take("enabled");
  if (r.failed()) return;
  if (name.empty() || !type || expression.empty())
    return r.fail(r.node(), "a schedule needs name, type and expression");
  if (*type != 1) return;
  auto every = wire::parse_duration(expression);
  if (!every || *every < 1s)
    r.fail(r.node(), "an interval must be a duration of at least 1s, not \"" + expression + "\"");
}

void note_later(const YamlNode& map, FunctionSpec& spec) {
  for (const char* key : {"hooks", "schedules", "rules"})
    if (map.find(key)) spec.notes.push_back(std::string{key} + ": not acted upon yet");
}

wire::json::value json_of(const YamlNode& node) {
  if (node.is_list()) {
    wire::json::array items;
    for (const auto& item : node.items) items.push_back(json_of(item));
    return items;
  }
  if (node.is_map()) {
    wire::json::object members;
    for (const auto& [key, value] : node.members) members[key.text] = json_of(value);
    return members;
  }
  if (!node.is_scalar()) return nullptr;
  auto plain = wire::parse_json(node.text);
  if (plain && !node.quoted) return *plain;
  return wire::json::value(node.text);
}

// A sample is written as YAML, or as text that is JSON.
std::string sample_of(const YamlNode& node) {
  auto parsed = node.is_scalar() ? wire::parse_json(node.text) : json_of(node);
  return wire::to_text(parsed ? *parsed : json_of(node));
}

}  // namespace

bool looks_like_alyx_schema(const YamlNode& root) {
  const YamlNode* functions = root.find("functions");
  return root.is_map() && functions && functions->is_map();
}

bool looks_like_alyx_manifest(const YamlNode& root) {
  return root.is_map() && root.find("runtime");
}

std::optional<Error> read_alyx_function(const YamlTree& tree, const YamlNode& map,
                                        const ManifestContext& context, FunctionSpec& spec) {
  spec.interface = kInterfaceName;
  spec.mode = Mode::kOneshot;
  Reader reader{tree, map, ""};
  reader.text("name", spec.name);
  reader.text("description", spec.description);
  read_runtime_choice(reader, spec);
  reader.text("entrypoint", spec.entrypoint);
  if (leaves_folder(spec.entrypoint))
    reader.fail(*map.find("entrypoint"), "the entrypoint must lie in the function's folder");
  reader.take("path");  // discovery has used it
  reader.duration("timeout", spec.limits.timeout, 1ms, limits::kTimeoutMax);
  read_memory(reader, spec, limits::kMiB);
  read_env(reader, context, spec);
  read_build(reader, spec);
  read_routes(reader, spec);
  reader.maps("hooks", read_hook);
  reader.maps("schedules", read_schedule);
  std::map<std::string, std::string> ignored;
  reader.text_map("rules", ignored);
  reader.take("dependencies");
  reader.take("version");
  if (const YamlNode* sample = reader.take("sample_input")) spec.sample_input = sample_of(*sample);
  if (auto error = reader.finish()) return error;
  note_later(map, spec);
  if (spec.runtime.empty())
    return tree.error(map, "runtime is missing",
                      "`trivet runtimes` lists what can be written there");
  if (spec.entrypoint.empty()) return tree.error(map, "entrypoint is missing");
  return std::nullopt;
}

}  // namespace trivet::catalog
