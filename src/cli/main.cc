#include <fcntl.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include "cli/cli.h"

namespace {

using trivet::cli::Common;
using trivet::cli::fail;

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
  app.add_option("--token", common.token, "the server's access token")->envname("TRIVET_TOKEN");
  app.add_option("--data", common.data,
                 "folder for artifacts and caches; default: .trivet beside the functions; for "
                 "serve and build the "
                 "state folder (XDG_STATE_HOME)")
      ->envname("TRIVET_DATA");
  app.add_option("--store", common.store,
                 "where hosts leave artifacts for each other: s3://BUCKET/PREFIX or file:///FOLDER")
      ->envname("TRIVET_STORE");
  app.add_option("--sandbox", common.sandbox,
                 "how functions are confined that do not say it themselves, and the least that "
                 "the others may ask for: trusted, process, sandbox, strict")
      ->capture_default_str()
      ->check(CLI::IsMember({"trusted", "process", "sandbox", "strict"}))
      ->envname("TRIVET_SANDBOX");
  app.add_option("--runtimes", common.runtimes,
                 "a folder of runtimes, searched first; may be repeated");
  app.add_option("--output", common.output, "how to print: for people, or for programs")
      ->capture_default_str()
      ->check(CLI::IsMember({"table", "json"}))
      ->envname("TRIVET_OUTPUT");
  app.add_flag("-q,--quiet", common.quiet, "say less");
  app.add_flag("-v,--verbose", common.verbose, "say more: timings, logs");
  app.set_version_flag("--version", "trivet " + std::string{trivet::version()},
                       "print the version and exit");
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

// What nobody asked for: a flag before a word, because a flag's value may be left over, too.
std::string first_unknown(const CLI::App& app) {
  std::vector<std::string> words = app.remaining(true);
  for (const auto& word : words)
    if (word.starts_with("-") && word != "-" && word != "--") return word;
  return words.empty() ? "" : words.front();
}

int usage_error(const CLI::App& app, const Common& common, const CLI::ParseError& error) {
  std::string what = error.what(), word = first_unknown(app);
  auto verbs = app.get_subcommands();
  bool for_verb = !verbs.empty() && common.args.front() != word;
  if (!word.empty()) {
    what = word.starts_with("-") ? "unknown flag "
           : for_verb            ? "unexpected argument "
                                 : "unknown verb ";
    what += word;
    bool guess = word.starts_with("-") || !for_verb;
    if (std::string near = guess ? suggestion(app, word) : ""; !near.empty())
      what += "; did you mean " + near + "?";
  }
  fail({trivet::ErrorCode::kInvalidRequest, what,
        for_verb ? "trivet " + verbs.front()->get_name() + " --help" : "trivet --help"});
  return kUsage;
}

// Output that could not be written is a failure, whatever the verb did.
int finish(int code) {
  int reason = trivet::cli::flush_output();
  if (reason == 0) return code;
  if (reason != EPIPE)  // who reads has seen enough: `trivet ls | head -1`
    fail({trivet::ErrorCode::kIo,
          std::string{"the output could not be written: "} + std::strerror(reason)});
  return code == 0 ? 1 : code;
}

// Whoever started us may have left us without stdin, stdout or stderr, and deaf to the ends of our
// children. What is missing is put there: else a socket of ours would be taken for stdout.
void mend_inheritance() {
  for (int fd : {0, 1, 2})
    if (fcntl(fd, F_GETFD) < 0) open("/dev/null", fd == 2 ? O_RDWR : O_RDONLY);
  std::signal(SIGCHLD, SIG_DFL);
  std::signal(SIGPIPE, SIG_IGN);
}

}  // namespace

int main(int argc, char** argv) {
  mend_inheritance();
  CLI::App app{
      "trivet: runs functions written in any language, as fast as a function call can be, without "
      "Docker"};
  app.name("trivet");
  app.require_subcommand(0, 1);
  app.fallthrough();
  Common common;
  common.args.assign(argv + 1, argv + argc);
  if (trivet::Status read = trivet::cli::read_settings(common); !read) return fail(read.error());
  add_common(app, common);
  app.footer("Flags of every verb (--server, --token, --output, ...): trivet --help");
  trivet::cli::Action action;
  for (auto add : {trivet::cli::add_run, trivet::cli::add_serve, trivet::cli::add_invoke,
                   trivet::cli::add_make, trivet::cli::add_show, trivet::cli::add_logs,
                   trivet::cli::add_runtimes, trivet::cli::add_bench, trivet::cli::add_debug,
                   trivet::cli::add_port, trivet::cli::add_shell, trivet::cli::add_cache})
    add(app, common, action);
  app.footer("`trivet help VERB` explains a verb.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& done) {
    return finish(app.exit(done));
  } catch (const CLI::ParseError& error) {
    trivet::cli::fail_as_json(common.as_json());
    return usage_error(app, common, error);
  }
  trivet::cli::fail_as_json(common.as_json());
  if (action) return finish(action());
  std::cout << app.help();
  return finish(0);
}
