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

std::string tested(const json::object& row, const std::string& version) {
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
    std::string modes = joined(row.at("modes")), interfaces = joined(row.at("interfaces"));
    if (!row.at("available").as_bool())
      table.add(
          {cell(row, "name"), tested(row, "missing"), modes, interfaces, cell(row, "install")});
    for (const auto& each : row.at("versions").as_array()) {
      const auto& version = each.as_object();
      table.add({cell(version, "name"), tested(row, cell(version, "version")), modes, interfaces,
                 cell(version, "binary")});
    }
  }
  table.print();
  return 0;
}

// What functions that are here lack.
struct Needed {
  std::set<std::string> runtimes;  // whose toolchain is missing
  json::array versions;            // problems: no version that is here fits
};

Result<Needed> needed(const Common& common) {
  auto value = fetch(common, "/v1/functions", ".");
  if (!value) return std::move(value).error();
  Needed out;
  for (const auto& item : value->as_object().at("functions").as_array())
    if (!item.as_object().at("available").as_bool())
      out.runtimes.insert(cell(item.as_object(), "runtime"));
  for (const auto& problem : value->as_object().at("problems").as_array())
    if (cell(problem.as_object(), "code") == traits(ErrorCode::kRuntimeNotAvailable).name)
      out.versions.push_back(problem);
  return out;
}

int missing_code(bool something_needed) {
  return something_needed ? traits(ErrorCode::kRuntimeNotAvailable).exit_code : 0;
}

// 0, or the code of what is needed and missing.
int print_json(const json::value& runtimes, const Needed& wanted) {
  json::array missing;
  for (const auto& name : wanted.runtimes) missing.emplace_back(name);
  json::object out{{"runtimes", runtimes},
                   {"missing_needed", std::move(missing)},
                   {"missing_versions", wanted.versions},
                   {"sandbox", json::object{{"level", "trusted"},
                                            {"active", json::array{}},
                                            {"note", "functions run unconfined in this version"}}}};
  std::cout << json::serialize(out) << "\n";
  return missing_code(!wanted.runtimes.empty() || !wanted.versions.empty());
}

// Whether it can be used now.
bool examine(const json::object& row, bool is_needed, bool fix) {
  for (const auto& each : row.at("versions").as_array()) {
    const auto& version = each.as_object();
    bool is_default = version.at("default").as_bool();
    std::cout << (is_default ? "ok       " : "also     ") << cell(row, "name") << " "
              << cell(version, "version") << " (" << cell(version, "binary") << ")\n";
  }
  if (row.at("available").as_bool()) return true;
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
    bool is_needed = wanted->runtimes.contains(cell(item.as_object(), "name"));
    if (examine(item.as_object(), is_needed, fix)) continue;
    ++missing;
    if (is_needed) ++harmful;
  }
  for (const auto& problem : wanted->versions) {
    std::cout << "missing  " << printable(cell(problem.as_object(), "message")) << "\n         "
              << printable(cell(problem.as_object(), "hint")) << "\n";
    ++missing;
    ++harmful;
  }
  std::cout << "sandbox  none: functions run unconfined in this version\n";
  if (missing > 0)
    std::cout << missing << " missing, " << harmful
              << " needed by functions here; functions of those answer RUNTIME_NOT_AVAILABLE\n";
  return missing_code(harmful > 0);
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
