// trivet version, trivet completion.
#include <iostream>

#include "cli/cli.h"

namespace trivet::cli {
namespace {

std::string verbs(const CLI::App& app) {
  std::string out;
  for (const auto* sub : app.get_subcommands(nullptr))
    out += (out.empty() ? "" : " ") + sub->get_name();
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
  auto shell = std::make_shared<std::string>("bash");
  auto* verb = app.add_subcommand("completion", "a completion script for bash, zsh or fish");
  verb->add_option("shell", *shell, "bash, zsh or fish")
      ->check(CLI::IsMember({"bash", "zsh", "fish"}))
      ->capture_default_str();
  verb->callback(
      [&app, &action, shell] { action = [&app, shell] { return completion(app, *shell); }; });
}

}  // namespace trivet::cli
