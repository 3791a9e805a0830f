// trivet runtimes, trivet doctor: every runtime with its toolchain; what is missing and what
// installs it.
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "cli/cli.h"

namespace trivet::cli {
namespace {

std::string joined(const json::value& list) {
  std::string out;
  for (const auto& item : list.as_array())
    out += (out.empty() ? "" : ",") + std::string{item.as_string()};
  return out;
}

int runtimes(const Common& common) {
  auto value = fetch(common, "/v1/runtimes", ".");
  if (!value) return fail(value.error());
  if (common.as_json()) {
    std::cout << json::serialize(*value) << "\n";
    return 0;
  }
  Table table({"RUNTIME", "VERSION", "MODES", "INTERFACES", "BINARY"});
  for (const auto& item : value->as_array()) {
    const auto& row = item.as_object();
    bool there = row.at("available").as_bool();
    table.add({cell(row, "name"), there ? cell(row, "version") : "missing", joined(row.at("modes")),
               joined(row.at("interfaces")), there ? cell(row, "binary") : cell(row, "install")});
  }
  table.print();
  return 0;
}

int doctor(const Common& common, bool fix) {
  auto value = fetch(common, "/v1/runtimes", ".");
  if (!value) return fail(value.error());
  if (common.as_json()) {
    json::object out{
        {"runtimes", *value},
        {"sandbox", json::object{{"level", "trusted"},
                                 {"active", json::array{}},
                                 {"note", "functions run unconfined in this version"}}}};
    std::cout << json::serialize(out) << "\n";
    return 0;
  }
  int missing = 0;
  for (const auto& item : value->as_array()) {
    const auto& row = item.as_object();
    if (row.at("available").as_bool()) {
      std::cout << "ok       " << cell(row, "name") << " " << cell(row, "version") << " ("
                << cell(row, "binary") << ")\n";
      continue;
    }
    ++missing;
    std::string install = cell(row, "install");
    std::cout << "missing  " << cell(row, "name") << ": " << cell(row, "reason")
              << "\n         install: " << install << "\n";
    if (!fix) continue;
    std::cout << "         running it\n" << std::flush;
    if (std::system(install.c_str()) != 0) std::cout << "         it failed\n";
  }
  std::cout << "sandbox  none: functions run unconfined in this version\n";
  if (missing > 0 && !fix)
    std::cout << missing << " missing; functions of those runtimes answer RUNTIME_NOT_AVAILABLE\n";
  return 0;
}

}  // namespace

void add_runtimes(CLI::App& app, Common& common, Action& action) {
  app.add_subcommand("runtimes", "every runtime with its toolchain")->callback([&common, &action] {
    action = [&common] { return runtimes(common); };
  });
  auto fix = std::make_shared<bool>(false);
  auto* verb = app.add_subcommand("doctor", "what is missing and what installs it");
  verb->add_flag("--fix", *fix, "run the install commands");
  verb->callback(
      [&common, &action, fix] { action = [&common, fix] { return doctor(common, *fix); }; });
}

}  // namespace trivet::cli
