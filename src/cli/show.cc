// trivet ls, ps, describe, config: what there is.
#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "cli/cli.h"

namespace trivet::cli {
namespace {

int print_json(const json::value& value) {
  std::cout << json::serialize(value) << "\n";
  return 0;
}

// A listing with problems is a listing: the code stays 0.
int say_how_many(size_t problems) {
  if (problems > 0)
    std::cerr << "trivet: " << problems << (problems == 1 ? " problem\n" : " problems\n");
  return 0;
}

// "toy", "toy@3", "toy (missing)"
std::string runtime_text(const json::object& row) {
  std::string asked{row.at("runtime_asked").as_string()};
  return cell(row, "runtime") + (asked.empty() ? "" : "@" + asked) +
         (row.at("available").as_bool() ? "" : " (missing)");
}

int ls(const Common& common, const std::string& root) {
  auto value = root.empty() ? fetch(common, "/v1/functions", ".")
                            : view_folder(common, "/v1/functions", root);
  if (!value) return fail(value.error());
  const auto& problems = value->as_object().at("problems").as_array();
  if (common.as_json()) {
    print_json(*value);
    return say_how_many(problems.size());
  }
  Table table({"NAME", "RUNTIME", "INTERFACE", "MODE", "TIMEOUT", "ENTRYPOINT"});
  for (const auto& item : value->as_object().at("functions").as_array()) {
    const auto& row = item.as_object();
    table.add({cell(row, "name"), runtime_text(row), cell(row, "interface"), cell(row, "mode"),
               cell(row, "timeout_ms") + " ms", cell(row, "path") + "/" + cell(row, "entrypoint")});
  }
  table.print();
  for (const auto& item : problems) {
    std::cerr << "problem: " << printable(cell(item.as_object(), "message"));
    if (cell(item.as_object(), "hint") != "-")
      std::cerr << " (" << printable(cell(item.as_object(), "hint")) << ")";
    std::cerr << "\n";
  }
  return say_how_many(problems.size());
}

// Pools, then how their last workers ended.
void print_pools(const json::array& pools) {
  Table table({"POOL", "RUNTIME", "STATE", "WORKERS", "STARTING", "WAITING", "REFUSED", "BREAKER"});
  Table exits({"ENDED", "PID", "REASON", "AGO", "TEXT"});
  bool any = false;
  for (const auto& item : pools) {
    const auto& row = item.as_object();
    table.add({cell(row, "function"), cell(row, "runtime"), cell(row, "state"),
               cell(row, "workers"), cell(row, "starting"), cell(row, "waiting"),
               cell(row, "refused"), cell(row, "breaker")});
    for (const auto& end : row.at("last_exits").as_array()) {
      const auto& exit = end.as_object();
      std::string text = cell(exit, "text");
      std::string pid = cell(exit, "pid");
      exits.add({cell(row, "function"), pid == "0" ? "-" : pid, cell(exit, "reason"),
                 cell(exit, "ago_ms") + " ms", text.empty() ? "-" : text});
      any = true;
    }
  }
  if (!pools.empty()) table.print();
  if (any) exits.print();
}

int ps(const Common& common) {
  auto value = fetch(common, "/v1/workers/memory", "");
  if (!value) return fail(value.error());
  auto pools = fetch(common, "/v1/pools", "");
  if (!pools) return fail(pools.error());
  if (common.as_json()) return print_json(*value);
  Table table(
      {"KIND", "FUNCTION", "RUNTIME", "PID", "STATE", "BUSY", "CALLS", "AGE", "IDLE", "MEMORY"});
  for (const auto& item : value->as_array()) {
    const auto& row = item.as_object();
    std::string pid = cell(row, "pid");  // 0: one process per call, and none runs now
    double mib = std::atof(cell(row, "memory_bytes").c_str()) / (1 << 20);
    char memory[32];
    std::snprintf(memory, sizeof memory, "%.1f MiB", mib);
    table.add({cell(row, "kind"), cell(row, "function"), cell(row, "runtime"),
               pid == "0" ? "-" : pid, cell(row, "state"), cell(row, "busy"), cell(row, "calls"),
               cell(row, "age_ms") + " ms", cell(row, "idle_ms") + " ms", mib > 0 ? memory : "-"});
  }
  table.print();
  print_pools(pools->as_array());
  return 0;
}

int describe(const Common& common, const std::string& name) {
  if (Status possible = check_function_name(name); !possible) return fail(possible.error());
  auto value = fetch(common, "/v1/functions/" + url_escape(name), ".");
  if (!value) return fail(value.error());
  if (common.as_json()) return print_json(*value);
  Table table({"FIELD", "VALUE"});
  for (const auto& member : value->as_object())
    table.add({std::string{member.key()}, cell(value->as_object(), member.key())});
  table.print();
  return 0;
}

struct Setting {
  std::string flag, variable, value;
};

// On the command line itself, where it wins over the variable.
bool is_flag_given(const Common& common, const std::string& flag) {
  for (const auto& arg : common.args) {
    if (arg == "--") return false;
    if (arg == flag || arg.starts_with(flag + "=")) return true;
  }
  return false;
}

// "--max-workers" is max_workers in a settings file.
std::string key_of(const Setting& setting) {
  std::string key = setting.flag.substr(2);
  std::replace(key.begin(), key.end(), '-', '_');
  return key;
}

std::string origin_of(const Common& common, const Setting& setting) {
  if (is_flag_given(common, setting.flag)) return "flag";
  const char* variable = std::getenv(setting.variable.c_str());
  if (variable && *variable) return setting.variable;
  auto file = common.origins.find(key_of(setting));
  return file == common.origins.end() ? "default" : file->second;
}

std::string listed(const std::vector<std::string>& values) {
  std::string out;
  for (const auto& value : values) out += (out.empty() ? "" : ", ") + value;
  return out;
}

// Each setting, its value and where it came from.
int config(const Common& common, const std::vector<std::string>& listen, bool origin) {
  const std::vector<Setting> settings{
      {"--server", "TRIVET_SERVER", common.server},
      {"--listen", "TRIVET_LISTEN", listed(listen)},
      {"--data", "TRIVET_DATA", common.data},
      {"--store", "TRIVET_STORE", common.store},
      {"--output", "TRIVET_OUTPUT", common.output},
      {"--sandbox", "TRIVET_SANDBOX", common.sandbox},
      {"--max-workers", "TRIVET_MAX_WORKERS", std::to_string(common.max_workers)},
      {"--shards", "TRIVET_SHARDS", std::to_string(common.shards)},
      {"--max-memory", "TRIVET_MAX_MEMORY", std::to_string(common.max_memory)},
      {"--max-builds", "TRIVET_MAX_BUILDS", std::to_string(common.max_builds)},
      {"--spare-memory", "TRIVET_SPARE_MEMORY", std::to_string(common.spare_memory)},
      {"--runtimes", "TRIVET_RUNTIMES", listed(common.runtimes)},
      {"--token", "TRIVET_TOKEN", common.token.empty() ? "" : "(set)"}};
  json::object out;
  Table table(origin ? std::vector<std::string>{"SETTING", "VALUE", "ORIGIN"}
                     : std::vector<std::string>{"SETTING", "VALUE"});
  for (const auto& setting : settings) {
    std::string from = origin_of(common, setting);
    out[key_of(setting)] = json::object{{"value", setting.value}, {"origin", from}};
    std::vector<std::string> row{key_of(setting), setting.value.empty() ? "-" : setting.value};
    if (origin) row.push_back(from);
    table.add(row);
  }
  if (common.as_json()) return print_json(out);
  table.print();
  return 0;
}

void add_config(CLI::App& app, Common& common, Action& action) {
  auto origin = std::make_shared<bool>(false);
  auto listen = std::make_shared<std::vector<std::string>>(common.listen);
  auto* settings = app.add_subcommand("config", "settings: `trivet config show --origin`");
  auto* show = settings->add_subcommand("show", "settings in force");
  show->add_flag("--origin", *origin, "and where each came from: flag, variable, file or default");
  show->add_option("--listen", *listen, "as `trivet serve` takes it")
      ->envname("TRIVET_LISTEN")
      ->capture_default_str();
  add_budget(*show, common);
  settings->require_subcommand(1);
  show->callback([&common, &action, listen, origin] {
    action = [&common, listen, origin] { return config(common, *listen, *origin); };
  });
}

}  // namespace

void add_show(CLI::App& app, Common& common, Action& action) {
  auto root = std::make_shared<std::string>();
  auto* list =
      app.add_subcommand("ls", "the functions of a server, or of this folder when none runs");
  list->add_option("dir", *root, "a folder whose functions to list, without a server");
  list->callback(
      [&common, &action, root] { action = [&common, root] { return ls(common, *root); }; });

  app.add_subcommand("ps", "live workers of a server")->callback([&common, &action] {
    action = [&common] { return ps(common); };
  });

  auto name = std::make_shared<std::string>();
  auto* one = app.add_subcommand(
      "describe", "everything about one function of a server, or of this folder when none runs");
  one->add_option("name", *name, "the function")->required();
  one->callback(
      [&common, &action, name] { action = [&common, name] { return describe(common, *name); }; });

  add_config(app, common, action);
}

}  // namespace trivet::cli
