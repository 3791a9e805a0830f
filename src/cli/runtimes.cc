// trivet runtimes, trivet doctor: every runtime with its toolchain; what is missing and what
// installs it.
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <set>

#include "cli/cli.h"

namespace trivet::cli {
namespace {

std::string joined(const json::value& list) {
  std::string out;
  for (const auto& item : list.as_array())
    out += (out.empty() ? "" : ",") + std::string{item.as_string()};
  return out;
}

std::string version_of(const json::object& row) {
  std::string version = row.at("available").as_bool() ? cell(row, "version") : "missing";
  return row.at("untested").as_string().empty() ? version : version + ", untested";
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
    table.add({cell(row, "name"), version_of(row), joined(row.at("modes")),
               joined(row.at("interfaces")), there ? cell(row, "binary") : cell(row, "install")});
  }
  table.print();
  return 0;
}

// Runtimes of functions that are here and whose toolchain is not.
Result<std::set<std::string>> needed(const Common& common) {
  auto value = fetch(common, "/v1/functions", ".");
  if (!value) return std::move(value).error();
  std::set<std::string> out;
  for (const auto& item : value->as_object().at("functions").as_array())
    if (!item.as_object().at("available").as_bool()) out.insert(cell(item.as_object(), "runtime"));
  return out;
}

// 0, or the code of what is needed and missing.
int print_json(const json::value& runtimes, const std::set<std::string>& wanted) {
  json::array missing;
  for (const auto& name : wanted) missing.emplace_back(name);
  json::object out{{"runtimes", runtimes},
                   {"missing_needed", std::move(missing)},
                   {"sandbox", json::object{{"level", "trusted"},
                                            {"active", json::array{}},
                                            {"note", "functions run unconfined in this version"}}}};
  std::cout << json::serialize(out) << "\n";
  return wanted.empty() ? 0 : traits(ErrorCode::kRuntimeNotAvailable).exit_code;
}

// Whether it can be used now.
bool examine(const json::object& row, bool is_needed, bool fix) {
  if (row.at("available").as_bool()) {
    std::cout << "ok       " << cell(row, "name") << " " << cell(row, "version") << " ("
              << cell(row, "binary") << ")\n";
    return true;
  }
  std::string install = cell(row, "install");
  std::cout << "missing  " << cell(row, "name") << ": " << cell(row, "reason")
            << (is_needed ? "; functions here need it" : "") << "\n         install: " << install
            << "\n";
  if (!fix) return false;
  std::cout << "         running it\n" << std::flush;
  bool done = std::system(install.c_str()) == 0;
  if (!done) std::cout << "         it failed\n";
  return done;
}

int doctor(const Common& common, bool fix) {
  auto value = fetch(common, "/v1/runtimes", ".");
  if (!value) return fail(value.error());
  auto wanted = needed(common);
  if (!wanted) return fail(wanted.error());
  if (common.as_json()) return print_json(*value, *wanted);
  int missing = 0, harmful = 0;
  for (const auto& item : value->as_array()) {
    bool is_needed = wanted->contains(cell(item.as_object(), "name"));
    if (examine(item.as_object(), is_needed, fix)) continue;
    ++missing;
    if (is_needed) ++harmful;
  }
  std::cout << "sandbox  none: functions run unconfined in this version\n";
  if (missing > 0)
    std::cout << missing << " missing, " << harmful
              << " needed by functions here; functions of those answer RUNTIME_NOT_AVAILABLE\n";
  return harmful == 0 ? 0 : traits(ErrorCode::kRuntimeNotAvailable).exit_code;
}

}  // namespace

void add_runtimes(CLI::App& app, Common& common, Action& action) {
  app.add_subcommand("runtimes", "every runtime with its toolchain, modes and interfaces")
      ->callback([&common, &action] { action = [&common] { return runtimes(common); }; });
  auto fix = std::make_shared<bool>(false);
  auto* verb = app.add_subcommand(
      "doctor", "what is missing and what installs it; fails when a function here needs it");
  verb->add_flag("--fix", *fix, "run the install commands");
  verb->callback(
      [&common, &action, fix] { action = [&common, fix] { return doctor(common, *fix); }; });
}

}  // namespace trivet::cli
