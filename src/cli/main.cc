#include <csignal>
#include <cstdlib>
#include <iostream>

#include "cli/cli.h"

namespace {

using trivet::cli::Common;

constexpr int kUsage = 2;

void add_common(CLI::App& app, Common& common) {
  app.add_option_function<std::string>(
         "--server",
         [&common](const std::string& given) {
           common.server = given;
           common.server_given = true;
         },
         "the server to talk to: http://HOST:PORT, unix:PATH, or none: only this folder")
      ->default_str(common.server)
      ->envname("TRIVET_SERVER");
  app.add_option("--token", common.token, "access token")->envname("TRIVET_TOKEN");
  app.add_option("--data", common.data, "folder for artifacts and caches")->envname("TRIVET_DATA");
  app.add_option("--runtimes", common.runtimes,
                 "a folder of runtimes, searched first; may be repeated");
  app.add_option("--output", common.output, "table or json")
      ->check(CLI::IsMember({"table", "json"}))
      ->envname("TRIVET_OUTPUT");
  app.add_flag("-q,--quiet", common.quiet, "say less");
  app.add_flag("-v,--verbose", common.verbose, "say more: timings, logs");
}

size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j)
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1,
                                                 diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)}));
  }
  return row[b.size()];
}

// The verb or flag that was probably meant.
std::string suggestion(const CLI::App& app, const std::string& word) {
  std::string best;
  size_t least = word.size() / 3 + 2;
  auto consider = [&](const std::string& candidate) {
    size_t d = distance(word, candidate);
    if (d < least) {
      least = d;
      best = candidate;
    }
  };
  const CLI::App* at = &app;
  if (!app.get_subcommands().empty()) at = app.get_subcommands().front();
  if (word.starts_with("-")) {
    for (const auto* scope : {at, &app})
      for (const auto* option : scope->get_options())
        for (const auto& name : option->get_lnames()) consider("--" + name);
  } else {
    for (const auto* sub : app.get_subcommands(nullptr)) consider(sub->get_name());
  }
  return best;
}

int usage_error(const CLI::App& app, const CLI::ParseError& error) {
  std::string what = error.what(), word;
  for (const auto& extra : app.remaining(true))
    if (word.empty()) word = extra;
  if (dynamic_cast<const CLI::ExtrasError*>(&error) && !word.empty()) {
    what = (word.starts_with("-") ? "unknown flag " : "unknown verb or argument ") + word;
    if (std::string near = suggestion(app, word); !near.empty())
      what += "; did you mean " + near + "?";
  }
  std::cerr << "trivet: " << what << "\n  hint: trivet --help\n";
  return kUsage;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app{
      "trivet: runs functions written in any language, as fast as a function call can be, without "
      "Docker"};
  app.name("trivet");
  app.require_subcommand(0, 1);
  app.fallthrough();
  Common common;
  add_common(app, common);
  trivet::cli::Action action;
  for (auto add : {trivet::cli::add_run, trivet::cli::add_serve, trivet::cli::add_invoke,
                   trivet::cli::add_make, trivet::cli::add_show, trivet::cli::add_logs,
                   trivet::cli::add_runtimes, trivet::cli::add_bench, trivet::cli::add_shell})
    add(app, common, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& done) {
    return app.exit(done);
  } catch (const CLI::ParseError& error) {
    return usage_error(app, error);
  }
  if (!action) {
    std::cout << app.help();
    return 0;
  }
  int code = action();
  std::cout.flush();
  return code;
}
