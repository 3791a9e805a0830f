#include "catalog/manifest.h"

#include <algorithm>
#include <array>

#include "catalog/confinement.h"
#include "vault/sealed.h"
#include "wire/text.h"

namespace trivet::catalog {
namespace {

struct Later {
  std::string_view key, sentence;
};
// Fields that a later version gives their meaning. Refused, so that nobody believes they are
// protected by them.
constexpr std::array<Later, 2> kLaterTop{
    {{"retry", "retry is not supported yet"}, {"input", "input schemas are not supported yet"}}};
constexpr std::array<Later, 2> kLaterTriggers{
    {{"cron", "cron triggers are not supported yet"},
     {"webhook", "webhook triggers are not supported yet"}}};
constexpr std::string_view kLaterHint = "take it out to run without it";

template <size_t N>
void refuse_later(Reader& reader, const std::array<Later, N>& fields) {
  for (const auto& field : fields)
    if (const YamlNode* node = reader.take(field.key)) {
      Error error =
          reader.tree().error(*node, std::string{field.sentence}, std::string{kLaterHint});
      error.code = ErrorCode::kNotSupported;
      reader.fail(std::move(error));
    }
}

void read_scale(Reader& reader, Scale& scale) {
  reader.map("scale", [&scale](Reader& r) {
    r.integer("min", scale.min, 0, 1000);
    r.integer("max", scale.max, 1, 1000);
    r.integer("overflow", scale.overflow, 0, 1000);
    r.integer("concurrency", scale.concurrency, 1, limits::kConcurrencyMax);
    r.duration("idle", scale.idle, 10ms, std::chrono::hours{24 * 365});
    r.integer("queue", scale.queue, 0, limits::kQueueMax);
    r.integer("shards", scale.shards, 1, limits::kShardsMax);
    if (auto start = r.choice("start", {"lazy", "eager"}))
      scale.start = *start == 1 ? StartPolicy::kEager : StartPolicy::kLazy;
    if (!r.failed() && scale.min > scale.max)
      r.fail(r.node(), "scale.min is " + std::to_string(scale.min) + ", above scale.max, " +
                           std::to_string(scale.max));
  });
}

void read_limits(Reader& reader, FunctionSpec& spec) {
  reader.map("limits", [&spec](Reader& r) {
    r.duration("timeout", spec.limits.timeout, 1ms, limits::kTimeoutMax);
    r.duration("start_timeout", spec.limits.start_timeout, 1ms, limits::kTimeoutMax);
    r.size("payload", spec.limits.payload_bytes, 1, limits::kPayloadMax);
    read_worker_limits(r, spec);
  });
}

void read_restart(Reader& reader, Restart& restart) {
  reader.map("restart", [&restart](Reader& r) {
    if (const YamlNode* node = r.take("backoff")) {
      size_t dots = node->text.find("..");
      auto least = wire::parse_duration(node->text.substr(0, dots));
      auto most =
          dots == std::string::npos ? least : wire::parse_duration(node->text.substr(dots + 2));
      if (!least || !most || *least > *most || *most <= Duration::zero())
        r.fail(*node, "restart.backoff must be a range of durations, not \"" + node->text + "\"",
               "write it like 100ms..30s");
      else
        restart.backoff_min = *least, restart.backoff_max = *most;
    }
    r.integer("max_calls", restart.max_calls, 0, int64_t{1} << 40);
    r.duration("max_age", restart.max_age, Duration::zero(), std::chrono::hours{24 * 365});
    r.map("breaker", [&restart](Reader& b) {
      b.integer("failures", restart.breaker.failures, 0, 10'000);
      b.duration("window", restart.breaker.window, 10ms, std::chrono::hours{24});
      b.duration("cooldown", restart.breaker.cooldown, 10ms, std::chrono::hours{24});
    });
  });
}

// "POST /resize/{id}", "GET,POST /x", "/any"
void read_route(Reader& r, FunctionSpec& spec) {
  const YamlNode* node = r.take("route");
  if (!node)
    return r.fail(r.node(), "an http trigger needs a route", "write it like \"POST /resize/{id}\"");
  HttpRoute route;
  std::string_view text = node->text;
  size_t space = text.find(' ');
  std::string_view methods = space == std::string_view::npos ? "" : text.substr(0, space);
  route.path = space == std::string_view::npos ? text : text.substr(space + 1);
  while (!methods.empty()) {
    size_t comma = std::min(methods.find(','), methods.size());
    std::string method{methods.substr(0, comma)};
    constexpr std::array kMethods{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"};
    if (std::find(kMethods.begin(), kMethods.end(), method) == kMethods.end())
      return r.fail(*node, "\"" + method + "\" is not a method",
                    "methods are GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS");
    route.methods.push_back(std::move(method));
    methods.remove_prefix(std::min(methods.size(), comma + 1));
  }
  if (!route.path.starts_with('/') || route.path.find(' ') != std::string::npos)
    return r.fail(*node, "the route's path must start with /, not \"" + route.path + "\"",
                  "write it like \"POST /resize/{id}\"");
  for (std::string_view taken :
       {"/v1/", "/function/", "/api/functions", "/healthz", "/readyz", "/metrics", "/openapi.json"})
    if (route.path.starts_with(taken))
      return r.fail(*node, "the path " + route.path + " is taken by the server itself");
  spec.routes.push_back(std::move(route));
}

void read_triggers(Reader& reader, FunctionSpec& spec) {
  reader.maps("triggers", [&spec](Reader& r) {
    refuse_later(r, kLaterTriggers);
    r.map("http", [&spec](Reader& http) {
      read_route(http, spec);
      auto auth = http.choice("auth", {"none", "token"});
      if (!http.failed()) spec.routes.back().is_public = auth && *auth == 0;
    });
  });
}

}  // namespace

bool leaves_folder(std::string_view path) {
  for (const auto& part : std::filesystem::path{path})
    if (part == "..") return true;
  return path.starts_with('/');
}

Result<std::vector<ValuePart>> expand_variables(
    std::string_view text, const std::map<std::string, std::string>& environment) {
  std::vector<ValuePart> out;
  auto add = [&out](std::string_view piece) {
    if (out.empty() || out.back().is_secret) out.emplace_back();
    out.back().text += piece;
  };
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$' || i + 1 >= text.size() || (text[i + 1] != '$' && text[i + 1] != '{')) {
      add(text.substr(i, 1));
      continue;
    }
    if (text[++i] == '$') {
      add("$");
      continue;
    }
    size_t end = text.find('}', i);
    if (end == std::string_view::npos)
      return Error{ErrorCode::kInvalidManifest, "\"${\" without \"}\"",
                   "write $$ for a dollar sign"};
    std::string name{text.substr(i + 1, end - i - 1)};
    i = end;
    auto found = environment.find(name);
    if (found != environment.end())
      add(found->second);
    else if (vault::is_secret_name(name))
      out.push_back({std::move(name), true});
    else
      return Error{ErrorCode::kInvalidManifest, "the environment variable " + name + " is not set",
                   "set it before trivet is started"};
  }
  return out;
}

void choose_runtime(std::string_view text, FunctionSpec& spec) {
  size_t at_sign = text.find('@');
  spec.runtime = text.substr(0, at_sign);
  spec.runtime_version = at_sign == std::string_view::npos ? "" : text.substr(at_sign + 1);
}

void read_runtime_choice(Reader& reader, FunctionSpec& spec) {
  const YamlNode* node = reader.take("runtime");
  if (!node) return;
  if (node->is_map()) {
    Reader inner{reader.tree(), *node, "runtime"};
    inner.text("engine", spec.runtime);
    inner.text("version", spec.runtime_version);
    if (!inner.failed() && spec.runtime.empty()) inner.fail(*node, "runtime.engine is missing");
    if (auto error = inner.finish()) reader.fail(std::move(*error));
    return;
  }
  if (!node->is_scalar())
    return reader.fail(*node, "runtime must be a name, not " + std::string{node->kind_text()});
  choose_runtime(node->text, spec);
}

void read_env(Reader& reader, const ManifestContext& context, FunctionSpec& spec) {
  std::map<std::string, std::string> raw;
  reader.text_map("env", raw);
  for (const auto& [key, value] : raw) {
    if (key.empty() || key.find('=') != std::string::npos || value.find('\0') != std::string::npos)
      return reader.fail(*reader.node().find("env"),
                         "\"" + key + "\" is not a name for an environment variable");
    auto expanded = expand_variables(value, context.environment);
    if (!expanded)
      return reader.fail(*reader.node().find("env")->find(key),
                         "env." + key + ": " + expanded.error().message, expanded.error().hint);
    bool is_known = std::none_of(expanded->begin(), expanded->end(),
                                 [](const ValuePart& part) { return part.is_secret; });
    if (is_known)
      spec.env[key] = expanded->empty() ? "" : std::move(expanded->front().text);
    else
      spec.secret_env[key] = std::move(*expanded);
  }
}

// After env, whose variables it must not repeat.
void read_secrets(Reader& reader, FunctionSpec& spec) {
  reader.texts("secrets", spec.secrets);
  for (const auto& name : spec.secrets) {
    const YamlNode& node = *reader.node().find("secrets");
    if (!vault::is_secret_name(name))
      return reader.fail(node, "\"" + name + "\" is not a name for a secret",
                         "names are letters, digits and _, and begin with no digit");
    if (spec.env.contains(name) || spec.secret_env.contains(name))
      return reader.fail(node, name + " is in env as well as in secrets", "leave out one");
  }
}

void read_build(Reader& reader, FunctionSpec& spec) {
  reader.map("build", [&spec](Reader& r) {
    Build build;
    r.text("command", build.command);
    r.texts("args", build.args);
    r.text("output", build.output);
    r.texts("watch", build.watch);
    r.duration("timeout", spec.build_limits.timeout, 1ms, limits::kBuildTimeoutMax);
    r.size("max_size", spec.build_limits.max_bytes, 1, limits::kBuildSizeMax);
    bool is_limits_only = build.args.empty() && build.output.empty() && build.watch.empty() &&
                          (r.node().find("timeout") || r.node().find("max_size"));
    if (build.command.empty() && is_limits_only) return;
    if (!r.failed() && build.command.empty()) r.fail(r.node(), "build.command is missing");
    if (leaves_folder(build.output))
      r.fail(*r.node().find("output"), "build.output must lie in the function's folder");
    spec.build = std::move(build);
  });
}

std::optional<Error> read_function(const YamlTree& tree, const YamlNode& map,
                                   const ManifestContext& context, FunctionSpec& spec,
                                   Unresolved& open) {
  Reader reader{tree, map, ""};
  reader.text("name", spec.name);
  reader.text("description", spec.description);
  read_runtime_choice(reader, spec);
  std::string entrypoint;
  reader.text("entrypoint", entrypoint);
  if (!entrypoint.empty()) {
    size_t colon = entrypoint.rfind(':');
    spec.entrypoint = entrypoint.substr(0, colon);
    if (colon != std::string::npos) spec.handler = entrypoint.substr(colon + 1);
    if (leaves_folder(spec.entrypoint))
      reader.fail(*map.find("entrypoint"), "the entrypoint must lie in the function's folder");
  }
  reader.text("interface", spec.interface);
  if (auto mode = reader.choice("mode", {"pool", "oneshot"})) {
    spec.mode = *mode == 0 ? Mode::kPool : Mode::kOneshot;
    open.mode_given = true;
  }
  reader.boolean("pristine", spec.pristine);
  read_scale(reader, spec.scale);
  read_limits(reader, spec);
  read_sandbox(reader, context, spec);
  read_restart(reader, spec.restart);
  read_env(reader, context, spec);
  read_secrets(reader, spec);
  read_build(reader, spec);
  read_triggers(reader, spec);
  refuse_later(reader, kLaterTop);
  return reader.finish();
}

}  // namespace trivet::catalog
