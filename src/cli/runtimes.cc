// trivet runtimes, trivet doctor: every runtime with its toolchain; what is missing and what
// installs it.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <map>
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

constexpr std::string_view kByHand = "by hand: ";  // begins an `install` that no command does

// The install command as it runs without a question: Debian's with the rights that it needs.
std::string runnable(std::string install) {
  constexpr std::string_view kPackages = "apt-get install ";
  const std::string unasked = (geteuid() == 0 ? "" : "sudo ") + std::string{kPackages} + "-y ";
  for (size_t at = install.find(kPackages); at != std::string::npos;
       at = install.find(kPackages, at + unasked.size()))
    install.replace(at, kPackages.size(), unasked);
  return install;
}

// Runs a runtime's install command, its output on stderr. Why it failed, or nothing.
std::string install(const json::object& row) {
  const std::string command = runnable(cell(row, "install"));
  std::cerr << "trivet: installing " << cell(row, "name") << ": " << command << "\n" << std::flush;
  int status = std::system(("( " + command + "\n) >&2").c_str());
  if (status == 0) return {};
  if (status == -1) return "no shell could be started";
  return WIFEXITED(status)
             ? "its install command ended with code " + std::to_string(WEXITSTATUS(status))
             : "its install command was killed";
}

// The rows of the runtimes in `names`, or all. kNotFound for a name that no runtime has.
Result<json::array> chosen(const json::value& rows, const std::vector<std::string>& names) {
  json::array out;
  std::set<std::string> rest{names.begin(), names.end()};
  for (const auto& row : rows.as_array())
    if (rest.erase(cell(row.as_object(), "name")) > 0 || names.empty()) out.push_back(row);
  if (rest.empty()) return out;
  return Error{ErrorCode::kNotFound, "there is no runtime " + *rest.begin(),
               "trivet runtimes shows those that there are"};
}

// Installs what is missing of `names`, or of all, on this machine. How many of those whose command
// was run are still missing; each is named on stderr.
Result<int> install_missing(const Common& common, const std::vector<std::string>& names) {
  auto before = view_folder(common, "/v1/runtimes", ".");
  if (!before) return std::move(before).error();
  auto rows = chosen(*before, names);
  if (!rows) return std::move(rows).error();
  std::map<std::string, std::string> tried;  // to why it failed
  for (const auto& row : *rows)
    if (!row.at("available").as_bool() && !cell(row.as_object(), "install").starts_with(kByHand))
      tried[cell(row.as_object(), "name")] = install(row.as_object());
  auto after = view_folder(common, "/v1/runtimes", ".");
  if (!after) return std::move(after).error();
  int failed = 0;
  for (const auto& item : after->as_array()) {
    const auto& row = item.as_object();
    auto found = tried.find(cell(row, "name"));
    if (found == tried.end() || row.at("available").as_bool()) continue;
    ++failed;
    std::string why = found->second;
    if (why.empty()) why = "its install command succeeded, and yet " + cell(row, "reason");
    std::cerr << "trivet: " << found->first << " is still missing: " << why << "\n";
  }
  return failed;
}

json::value as_json(const json::array& rows, const std::set<std::string>& harmful,
                    const json::array& versions, const json::object& host) {
  json::array missing;
  for (const auto& name : harmful) missing.emplace_back(name);
  return json::object{{"runtimes", rows},
                      {"missing_needed", std::move(missing)},
                      {"missing_versions", versions},
                      {"sandbox", json::object{{"level", host.at("level")},
                                               {"available", host.at("available")},
                                               {"layers", host.at("layers")}}},
                      {"launcher", host.at("launcher")},
                      {"privileges", host.at("privileges")},
                      {"data", host.at("data")}};
}

void print_row(const json::object& row, bool is_needed) {
  const std::string untested{row.at("untested").as_string()};
  const std::string mark = untested.empty() ? "" : "; untested: " + untested;
  for (const auto& each : row.at("versions").as_array()) {
    const auto& version = each.as_object();
    bool is_default = version.at("default").as_bool();
    std::cout << (is_default ? "ok       " : "also     ") << cell(row, "name") << " "
              << cell(version, "version") << " (" << cell(version, "binary") << ")" << mark << "\n";
  }
  if (row.at("available").as_bool()) return;
  std::cout << "missing  " << cell(row, "name") << ": "
            << printable(cell(row, "reason"), "         ")
            << (is_needed ? "; functions here need it" : "") << mark
            << "\n         install: " << cell(row, "install") << "\n";
}

constexpr size_t kStateWidth = 13;

void print_state(const std::string& state, const std::string& text) {
  std::cout << state << std::string(kStateWidth - state.size(), ' ') << text << "\n";
}

// `fix_above`: what the layer before it said.
void print_layer(const json::object& layer, std::string& fix_above) {
  const std::string state = cell(layer, "state"), name = cell(layer, "name");
  auto more = [](const std::string& text) { print_state("", printable(text)); };
  if (state == "unavailable") {
    const std::string fix = cell(layer, "fix"), stops = joined(layer.at("stops"));
    print_state(state, name + ": " + printable(cell(layer, "why")));
    more("without it: " + cell(layer, "without"));
    if (!stops.empty()) more("these here do not start: " + stops);
    more("fix: " + (fix == fix_above ? "as above" : fix));
    fix_above = fix;
  } else {
    print_state(state, name);
  }
  for (const auto& item : layer.at("weakened_by").as_array()) {
    const auto& by = item.as_object();
    more("by the " + cell(by, "by") +
         (by.at("function").is_null() ? "" : " of " + cell(by, "function")) + ": " +
         cell(by, "what"));
  }
}

void print_privileges(const json::object& privileges) {
  const std::string user = printable(cell(privileges, "user")),
                    fix{privileges.at("fix").as_string()};
  bool is_kept = privileges.at("kept").as_bool();
  bool has_name = user.find_first_not_of("0123456789") != std::string::npos;
  print_state(is_kept ? "weakened" : "active",
              "privileges: the server runs as " + std::string{has_name ? "" : "user "} + user +
                  (is_kept ? ", and keeps its capabilities" : ", without capabilities"));
  if (!fix.empty()) print_state("", "fix: " + printable(fix));
}

// Levels that are lower ask for less.
void print_conclusion(const json::object& host) {
  std::string without;
  bool do_all_start = true;
  for (const auto& item : host.at("layers").as_array()) {
    const auto& layer = item.as_object();
    do_all_start &= layer.at("stops").as_array().empty();
    if (cell(layer, "state") == "unavailable" && !layer.at("needed").as_bool())
      without += (without.empty() ? "; it does without " : ", ") + cell(layer, "name");
  }
  const std::string level = cell(host, "level");
  const std::string less = level == "process" ? "trusted" : "process";
  if (!host.at("available").as_bool())
    print_state("sandbox", "level " + level +
                               ": cannot be had here; functions of that level do not start. The "
                               "layers above say what to do, and --sandbox " +
                               less + " asks for less");
  else
    print_state("sandbox", "level " + level + ": this machine has what it needs" + without +
                               (do_all_start ? "" : "; not all functions here start, see above"));
}

void print_host(const json::object& host) {
  std::string fix_above;
  for (const auto& layer : host.at("layers").as_array()) print_layer(layer.as_object(), fix_above);
  print_privileges(host.at("privileges").as_object());
  const auto& launcher = host.at("launcher").as_object();
  if (!launcher.at("works").as_bool())
    print_state("missing", "launcher: " + printable(cell(launcher, "why")));
  const auto& data = host.at("data").as_object();
  if (!data.at("writable").as_bool())
    print_state("missing", "data folder " + printable(cell(data, "path")) +
                               " cannot be written: " + printable(cell(data, "why")));
  print_conclusion(host);
}

// The functions that name no level start, and so does each that is here.
bool can_confine(const json::object& host) {
  bool works =
      host.at("available").as_bool() && host.at("data").as_object().at("writable").as_bool();
  for (const auto& layer : host.at("layers").as_array())
    works &= layer.as_object().at("stops").as_array().empty();
  return works;
}

// What the host's page says of this process is not what `trivet serve` will do.
void expect_service(json::object& host) {
  if (std::string user = default_user(); !user.empty())
    host["privileges"] = {{"user", user}, {"kept", false}, {"fix", ""}};
}

void print_report(const json::array& rows, const Needed& wanted, size_t harmful) {
  int missing = 0;
  for (const auto& item : rows) {
    const auto& row = item.as_object();
    print_row(row, wanted.runtimes.contains(cell(row, "name")));
    if (!row.at("available").as_bool()) ++missing;
  }
  for (const auto& problem : wanted.versions) {
    std::cout << "missing  " << printable(cell(problem.as_object(), "message")) << "\n         "
              << printable(cell(problem.as_object(), "hint")) << "\n";
    ++missing;
    ++harmful;
  }
  if (missing > 0)
    std::cout << missing << " missing, " << harmful
              << " needed here; functions of those answer RUNTIME_NOT_AVAILABLE\n";
}

// What a function here needs, or is asked for by name, and is missing makes it fail; with `fix`
// also what could not be installed. Without names the host is examined, too: 1 when a function, or
// one that names no level, could not start.
int doctor(const Common& common, const std::vector<std::string>& names, bool fix) {
  auto failed = fix ? install_missing(common, names) : Result<int>{0};
  if (!failed) return fail(failed.error());
  auto all = fix ? view_folder(common, "/v1/runtimes", ".") : fetch(common, "/v1/runtimes", ".");
  if (!all) return fail(all.error());
  auto rows = chosen(*all, names);
  if (!rows) return fail(rows.error());
  auto wanted = needed(common);
  if (!wanted) return fail(wanted.error());
  bool is_local = false;
  auto host = fetch(common, "/v1/doctor", ".", &is_local);
  if (!host) return fail(host.error());
  auto& found = host->as_object();
  if (is_local) expect_service(found);
  std::set<std::string> harmful;
  for (const auto& row : *rows)
    if (std::string name = cell(row.as_object(), "name");
        !row.at("available").as_bool() && (wanted->runtimes.contains(name) || !names.empty()))
      harmful.insert(name);
  if (common.as_json())
    std::cout << json::serialize(as_json(*rows, harmful, wanted->versions, found)) << "\n";
  else
    print_report(*rows, *wanted, harmful.size()), print_host(found);
  if (!harmful.empty() || !wanted->versions.empty() || *failed > 0)
    return traits(ErrorCode::kRuntimeNotAvailable).exit_code;
  return can_confine(found) || !names.empty() ? 0 : 1;
}

}  // namespace

void add_runtimes(CLI::App& app, Common& common, Action& action) {
  app.add_subcommand("runtimes", "every runtime with its toolchain, modes and interfaces")
      ->callback([&common, &action] { action = [&common] { return runtimes(common); }; });
  auto fix = std::make_shared<bool>(false);
  auto names = std::make_shared<std::vector<std::string>>();
  auto* verb = app.add_subcommand(
      "doctor", "what is missing and what installs it; fails when a function here needs it");
  verb->add_option("runtime", *names, "these only; all by default");
  verb->add_flag("--fix", *fix, "install what is missing: run the install commands");
  verb->callback([&common, &action, names, fix] {
    action = [&common, names, fix] { return doctor(common, *names, *fix); };
  });
}

}  // namespace trivet::cli
