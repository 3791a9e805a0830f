// trivet version, help, completion, and the verbs that are promised but not there yet.
#include <iostream>

#include "cli/cli.h"

namespace trivet::cli {
namespace {

std::string verbs(const CLI::App& app) {
  std::string out;
  for (const auto* sub : app.get_subcommands(nullptr))
    if (!sub->get_group().empty()) out += (out.empty() ? "" : " ") + sub->get_name();
  return out;
}

// Verbs first, then file names; made from the verbs that this program has.
int completion(const CLI::App& app, const std::string& shell) {
  std::string words = verbs(app);
  if (shell == "bash")
    std::cout << "_trivet() {\n  local cur=${COMP_WORDS[COMP_CWORD]}\n  if [ \"$COMP_CWORD\" = 1 "
                 "]; then\n    COMPREPLY=($(compgen -W \""
              << words
              << "\" -- \"$cur\"))\n  else\n    COMPREPLY=($(compgen -f -- \"$cur\"))\n  "
                 "fi\n}\ncomplete -o filenames -F _trivet trivet\n";
  else if (shell == "zsh")
    std::cout << "#compdef trivet\n_arguments '1:verb:(" << words << ")' '*:file:_files'\n";
  else
    std::cout << "complete -c trivet -n __fish_use_subcommand -f -a '" << words << "'\n";
  return 0;
}

int help(const CLI::App& app, const std::vector<std::string>& path) {
  const CLI::App* at = &app;
  std::string before;
  for (const auto& word : path) {
    before += (before.empty() ? "" : " ") + at->get_name();
    const CLI::App* next = nullptr;
    for (const auto* sub : at->get_subcommands(nullptr))
      if (sub->get_name() == word) next = sub;
    if (!next) return fail({ErrorCode::kInvalidRequest, "unknown verb " + word, "trivet --help"});
    at = next;
  }
  // App::help of the program itself would show this verb, because it is the one in use
  std::cout << (path.empty() ? app.get_formatter()->make_help(&app, app.get_name(),
                                                              CLI::AppFormatMode::Normal)
                             : at->help(before));
  return 0;
}

struct Promised {
  const char* verb;
  const char* does;
};

constexpr Promised kPromised[] = {
    {"calls", "asynchronous calls: ls, get, cancel, replay"},
    {"dlq", "dead letters: ls, show, redrive, purge"},
    {"versions", "versions of a function"},
    {"promote", "make a version of a function the one that serves"},
    {"rollback", "go back to the version before"},
    {"executor", "the open-runtimes executor API"},
};

// Hidden from the help: they only say that they are not there yet, whatever follows them.
void add_promised(CLI::App& app, Action& action) {
  for (const auto& promised : kPromised) {
    auto* verb = app.add_subcommand(promised.verb, std::string{promised.does} + " (not yet)");
    verb->group("")->fallthrough(false)->prefix_command();
    verb->callback([&action, &promised] {
      action = [&promised] {
        return fail({ErrorCode::kNotSupported,
                     "trivet " + std::string{promised.verb} + " is not supported yet",
                     "it will be: " + std::string{promised.does}});
      };
    });
  }
}

}  // namespace

void add_shell(CLI::App& app, Common& common, Action& action) {
  app.add_subcommand("version", "the version")->callback([&common, &action] {
    action = [&common] {
      if (common.as_json())
        std::cout << "{\"version\":\"" << version() << "\"}\n";
      else
        std::cout << "trivet " << version() << "\n";
      return 0;
    };
  });
  auto path = std::make_shared<std::vector<std::string>>();
  auto* helper = app.add_subcommand("help", "help on a verb, as `trivet VERB --help`");
  helper->add_option("verb", *path, "the verb; default: an overview");
  helper->callback([&app, &action, path] { action = [&app, path] { return help(app, *path); }; });
  auto shell = std::make_shared<std::string>("bash");
  auto* verb = app.add_subcommand("completion", "a completion script for bash, zsh or fish");
  verb->add_option("shell", *shell, "bash, zsh or fish")
      ->check(CLI::IsMember({"bash", "zsh", "fish"}))
      ->capture_default_str();
  verb->callback(
      [&app, &action, shell] { action = [&app, shell] { return completion(app, *shell); }; });
  add_promised(app, action);
}

}  // namespace trivet::cli
