// trivet ls, ps, describe, config: what there is.
#include <cstdlib>
#include <iostream>

#include "cli/cli.h"

namespace trivet::cli {
namespace {

int print_json(const json::value& value) {
  std::cout << json::serialize(value) << "\n";
  return 0;
}

int ls(const Common& common, const std::string& root) {
  auto value = root.empty() ? fetch(common, "/v1/functions", ".")
                            : view_folder(common, "/v1/functions", root);
  if (!value) return fail(value.error());
  if (common.as_json()) return print_json(*value);
  Table table({"NAME", "RUNTIME", "INTERFACE", "MODE", "TIMEOUT", "ENTRYPOINT"});
  for (const auto& item : value->as_object().at("functions").as_array()) {
    const auto& row = item.as_object();
    table.add({cell(row, "name"),
               cell(row, "runtime") + (row.at("available").as_bool() ? "" : " (missing)"),
               cell(row, "interface"), cell(row, "mode"), cell(row, "timeout_ms") + " ms",
               cell(row, "path") + "/" + cell(row, "entrypoint")});
  }
  table.print();
  for (const auto& item : value->as_object().at("problems").as_array()) {
    std::cerr << "problem: " << cell(item.as_object(), "message");
    if (cell(item.as_object(), "hint") != "-")
      std::cerr << " (" << cell(item.as_object(), "hint") << ")";
    std::cerr << "\n";
  }
  return 0;
}

int ps(const Common& common) {
  auto value = fetch(common, "/v1/workers", "");
  if (!value) return fail(value.error());
  if (common.as_json()) return print_json(*value);
  Table table({"FUNCTION", "RUNTIME", "PID", "STATE", "BUSY", "CALLS", "AGE", "IDLE"});
  for (const auto& item : value->as_array()) {
    const auto& row = item.as_object();
    table.add({cell(row, "function"), cell(row, "runtime"), cell(row, "pid"), cell(row, "state"),
               cell(row, "busy"), cell(row, "calls"), cell(row, "age_ms") + " ms",
               cell(row, "idle_ms") + " ms"});
  }
  table.print();
  return 0;
}

int describe(const Common& common, const std::string& name) {
  auto value = fetch(common, "/v1/functions/" + name, ".");
  if (!value) return fail(value.error());
  if (common.as_json()) return print_json(*value);
  Table table({"FIELD", "VALUE"});
  for (const auto& member : value->as_object())
    table.add({std::string{member.key()}, cell(value->as_object(), member.key())});
  table.print();
  return 0;
}

// Each setting, its value and where it came from.
int config(const Common& common, const CLI::App& app, bool origin) {
  struct Setting {
    std::string flag, variable, value;
  };
  const std::vector<Setting> settings{
      {"--server", "TRIVET_SERVER", common.server},
      {"--data", "TRIVET_DATA", common.data},
      {"--output", "TRIVET_OUTPUT", common.output},
      {"--token", "TRIVET_TOKEN", common.token.empty() ? "" : "(set)"}};
  json::object out;
  Table table(origin ? std::vector<std::string>{"SETTING", "VALUE", "ORIGIN"}
                     : std::vector<std::string>{"SETTING", "VALUE"});
  for (const auto& setting : settings) {
    const auto* option = app.get_option(setting.flag);
    bool given = option->count() > 0;
    const char* variable = std::getenv(setting.variable.c_str());
    std::string from = variable && given ? setting.variable : given ? "flag" : "default";
    out[setting.flag.substr(2)] = json::object{{"value", setting.value}, {"origin", from}};
    std::vector<std::string> row{setting.flag.substr(2),
                                 setting.value.empty() ? "-" : setting.value};
    if (origin) row.push_back(from);
    table.add(row);
  }
  if (common.as_json()) return print_json(out);
  table.print();
  return 0;
}

}  // namespace

void add_show(CLI::App& app, Common& common, Action& action) {
  auto root = std::make_shared<std::string>();
  auto* list =
      app.add_subcommand("ls", "the functions of a server, or of this folder when none runs");
  list->add_option("dir", *root, "this folder's functions, without a server");
  list->callback(
      [&common, &action, root] { action = [&common, root] { return ls(common, *root); }; });

  app.add_subcommand("ps", "live workers of a server")->callback([&common, &action] {
    action = [&common] { return ps(common); };
  });

  auto name = std::make_shared<std::string>();
  auto* one = app.add_subcommand("describe", "everything about one function");
  one->add_option("name", *name, "the function")->required();
  one->callback(
      [&common, &action, name] { action = [&common, name] { return describe(common, *name); }; });

  auto origin = std::make_shared<bool>(false);
  auto* settings = app.add_subcommand("config", "settings");
  auto* show = settings->add_subcommand("show", "settings in force");
  show->add_flag("--origin", *origin, "and where each came from");
  settings->require_subcommand(1);
  show->callback([&common, &action, &app, origin] {
    action = [&common, &app, origin] { return config(common, app, *origin); };
  });
}

}  // namespace trivet::cli
