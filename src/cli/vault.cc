// trivet secret and trivet token: on the server, or, with --data, in a data folder.
#include <termios.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <ctime>
#include <iostream>

#include "cli/cli.h"
#include "trivet/vault.h"

namespace trivet::cli {
namespace {

constexpr int64_t kTimeoutMs = 30'000;

struct Options {
  std::string name, function;
  bool exact = false;
  std::string scope = "invoke", expires, label;
};

// Asks the server; a folder that was named is used itself, and a server that lives there hears of
// it.
Result<std::string> ask(const Common& common, const std::string& method, const std::string& path,
                        const std::string& body) {
  if (!common.data.empty() && !common.server_given)
    return vault_request(common.data, common.secrets_key, method, path, body);
  auto client = Client::connect(common.server, common.token, kTimeoutMs);
  if (!client) {
    Error error = std::move(client).error();
    error.hint = "start it, or name its data folder with --data";
    return error;
  }
  auto reply = (*client)->request(method, path, {}, body);
  if (!reply) return std::move(reply).error();
  if (reply->status / 100 != 2) return error_of(*reply);
  return std::move(reply->body);
}

Result<json::object> ask_for_object(const Common& common, const std::string& method,
                                    const std::string& path, const std::string& body) {
  auto text = ask(common, method, path, body);
  if (!text) return std::move(text).error();
  boost::system::error_code ec;
  json::value value = json::parse(*text, ec);
  if (ec || !value.is_object()) return Error{ErrorCode::kInternal, "the answer is no object"};
  return std::move(value.get_object());
}

// What is typed is not shown. The terminal is as it was before, also after Ctrl-C.
class Hidden {
 public:
  Hidden() {
    sigset_t ends;
    sigemptyset(&ends);
    for (int signal : {SIGINT, SIGTERM, SIGQUIT, SIGTSTP}) sigaddset(&ends, signal);
    pthread_sigmask(SIG_BLOCK, &ends, &signals_);
    tcgetattr(STDIN_FILENO, &before_);
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO | ISIG);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
  }
  ~Hidden() {
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
    pthread_sigmask(SIG_SETMASK, &signals_, nullptr);
    std::cerr << "\n";
  }

 private:
  termios before_{};
  sigset_t signals_{};
};

// From stdin, or typed; never from the arguments, which every user of this machine may see.
Result<std::string> read_value(const Options& options) {
  std::string value;
  if (is_terminal(STDIN_FILENO)) {
    std::cerr << "value of " << options.name << " (not shown): " << std::flush;
    Hidden hidden;
    std::getline(std::cin, value);
    constexpr char kInterrupt = 3;  // Ctrl-C
    if (value.find(kInterrupt) != std::string::npos)
      return Error{ErrorCode::kCancelled, "nothing was set"};
    return value;
  }
  value = {std::istreambuf_iterator<char>{std::cin}, {}};
  if (!options.exact && value.ends_with('\n')) value.pop_back();
  return value;
}

std::string secret_path(const Options& options) {
  std::string query = options.function.empty() ? "" : "?function=" + url_escape(options.function);
  return "/v1/secrets/" + url_escape(options.name) + query;
}

std::string time_text(const json::object& row, std::string_view key) {
  const auto* value = row.if_contains(key);
  if (!value || !value->is_int64()) return "-";
  auto seconds = static_cast<std::time_t>(value->get_int64() / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

int set_secret(const Common& common, const Options& options) {
  auto value = read_value(options);
  if (!value) return fail(value.error());
  auto done = ask_for_object(common, "PUT", secret_path(options), *value);
  if (!done) return fail(done.error());
  if (done->contains("key_made"))
    std::cerr << "a key for the secrets was made: " << printable(cell(*done, "key_made"))
              << "\n  keep a copy apart from the data folder: without it they are lost\n";
  if (common.as_json()) std::cout << json::serialize(*done) << "\n";
  return 0;
}

int remove_at(const Common& common, const std::string& path) {
  auto done = ask(common, "DELETE", path, {});
  return done ? 0 : fail(done.error());
}

int list_secrets(const Common& common) {
  auto all = ask_for_object(common, "GET", "/v1/secrets", {});
  if (!all) return fail(all.error());
  const auto& rows = all->at("secrets").as_array();
  Table table({"NAME", "FUNCTION", "SET"});
  for (const auto& row : rows)
    table.add({cell(row.as_object(), "name"), cell(row.as_object(), "function"),
               time_text(row.as_object(), "updated_ms")});
  if (common.as_json())
    std::cout << json::serialize(rows) << "\n";
  else
    table.print();
  return 0;
}

int list_tokens(const Common& common) {
  auto all = ask_for_object(common, "GET", "/v1/tokens", {});
  if (!all) return fail(all.error());
  const auto& rows = all->at("tokens").as_array();
  Table table({"ID", "NAME", "SCOPE", "MADE", "EXPIRES"});
  for (const auto& row : rows)
    table.add({cell(row.as_object(), "id"), cell(row.as_object(), "name"),
               cell(row.as_object(), "scope"), time_text(row.as_object(), "created_ms"),
               time_text(row.as_object(), "expires_ms")});
  if (common.as_json())
    std::cout << json::serialize(rows) << "\n";
  else
    table.print();
  return 0;
}

int new_token(const Common& common, const Options& options) {
  json::object order{{"scope", options.scope}};
  if (!options.label.empty()) order["name"] = options.label;
  if (!options.expires.empty()) order["expires"] = options.expires;
  auto made = ask_for_object(common, "POST", "/v1/tokens", json::serialize(order));
  if (!made) return fail(made.error());
  if (common.as_json()) {
    std::cout << json::serialize(*made) << "\n";
    return 0;
  }
  std::cout << cell(*made, "token") << "\n";
  if (!common.quiet) std::cerr << "it may: " << cell(*made, "scope") << "; it is not shown again\n";
  return 0;
}

}  // namespace

void add_vault(CLI::App& app, Common& common, Action& action) {
  auto options = std::make_shared<Options>();
  auto begin = [&app](const char* name, const char* what) {
    auto* verb = app.add_subcommand(name, what);
    verb->require_subcommand(1);
    return verb;
  };
  auto add = [&action](CLI::App* verb, const char* name, const char* what, Action act) {
    auto* sub = verb->add_subcommand(name, what);
    sub->callback([&action, act = std::move(act)] { action = act; });
    return sub;
  };
  auto* secret = begin("secret", "what functions are told and nobody else: set, ls, rm");
  auto* set = add(secret, "set", "the value comes from stdin, or is typed",
                  [&common, options] { return set_secret(common, *options); });
  set->add_flag("--exact", options->exact, "keep the end of line that the value ends with");
  auto* remove = add(secret, "rm", "remove one",
                     [&common, options] { return remove_at(common, secret_path(*options)); });
  for (auto* sub : {set, remove}) {
    sub->add_option("name", options->name, "like STRIPE_KEY")->required();
    sub->add_option("--function", options->function, "that function's own; default: of all");
  }
  add(secret, "ls", "names and times; values are never shown",
      [&common] { return list_secrets(common); });

  auto* token = begin("token", "who may use the HTTP API: new, ls, rm");
  auto* made = add(token, "new", "make one; it is printed once",
                   [&common, options] { return new_token(common, *options); });
  made->add_option("--scope", options->scope,
                   "admin, read, invoke, invoke:NAME, or several with commas")
      ->capture_default_str();
  made->add_option("--expires", options->expires, "after that long, like 30d; default: never");
  made->add_option("--name", options->label, "what it is for");
  add(token, "ls", "what there is, without the tokens", [&common] { return list_tokens(common); });
  add(token, "rm", "remove one: it is good for nothing from then on",
      [&common, options] { return remove_at(common, "/v1/tokens/" + url_escape(options->name)); })
      ->add_option("name", options->name, "its id or its name")
      ->required();
}

}  // namespace trivet::cli
