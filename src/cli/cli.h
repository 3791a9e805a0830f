#pragma once
// The command line: one file per verb or family of verbs, all over include/trivet, as any other
// program would.
//
// Data goes to stdout, words to stderr. A verb returns the process's exit code.

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "trivet/client.h"
#include "trivet/host.h"

namespace trivet::cli {

namespace json = boost::json;

inline constexpr int kShardsMost = 64;  // threads of one host

// What every verb can be told. Flags win over TRIVET_* variables, those over settings files, those
// over the defaults.
struct Common {
  std::string server = "http://127.0.0.1:7007";
  bool server_given = false;  // by flag or variable: then nothing else will do
  std::string token;
  std::string data;
  std::string secrets_key;          // file of the key of the secrets
  std::string store;                // URL of the one that hosts share
  std::string sandbox = "sandbox";  // the least level of functions
  std::vector<std::string> runtimes;
  std::string output = "table";
  std::vector<std::string> listen{"127.0.0.1:7007"};  // of serve and dev
  int shards = 0;                                     // of serve and dev: 0 = half of the CPUs
  int max_workers = 1'000;                            // of serve and dev: over all functions
  int max_builds = 0;                                 // at once; 0 = one for each CPU
  uint64_t max_memory = 0;                            // likewise, bytes; 0 = any
  uint64_t spare_memory = 256ULL << 20;               // of a runtime's spares, bytes; 0 = none
  bool quiet = false;
  int verbose = 0;
  std::map<std::string, std::string> origins;  // setting to the file that it was read from
  std::vector<std::string> args;               // as they came, without the program's name
  bool as_json() const { return output == "json"; }
};

// Verbs register themselves on `app` and set `action` to what is to be done.
using Action = std::function<int()>;
void add_run(CLI::App& app, Common& common, Action& action);
void add_serve(CLI::App& app, Common& common, Action& action);
void add_invoke(CLI::App& app, Common& common, Action& action);
void add_make(CLI::App& app, Common& common, Action& action);
void add_show(CLI::App& app, Common& common, Action& action);
void add_logs(CLI::App& app, Common& common, Action& action);
void add_runtimes(CLI::App& app, Common& common, Action& action);
void add_bench(CLI::App& app, Common& common, Action& action);
void add_debug(CLI::App& app, Common& common, Action& action);
void add_port(CLI::App& app, Common& common, Action& action);
void add_shell(CLI::App& app, Common& common, Action& action);
void add_cache(CLI::App& app, Common& common, Action& action);
void add_vault(CLI::App& app, Common& common, Action& action);

// Fills `common` from the settings files (settings.cc says which). kInvalidInput with the file's
// name.
Status read_settings(Common& common);

// Says what went wrong on stderr, details and hint included; the exit code that belongs to it.
int fail(const Error& error);
// From now on fail() writes a problem object as one line of JSON.
void fail_as_json(bool on);
// A reply of the server that is not 2xx, as an Error.
Error error_of(const ClientReply& reply);
// `-d`: JSON text, @file, or - for stdin.
Result<std::string> read_input(const std::string& given);
// --max-workers and --max-memory.
void add_budget(CLI::App& verb, Common& common);
HostConfig host_config(const Common& common, std::string root);
// Where serving the folder `root` keeps artifacts and caches when nobody says: a folder of its own
// below STATE_DIRECTORY (systemd), XDG_STATE_HOME or ~/.local/state; empty when there is no home.
std::string state_dir(const std::string& root);
// Host::open, with kNotFound when the root is not there.
Result<std::unique_ptr<Host>> open_host(HostConfig config);
bool is_terminal(int fd);
// What is written so far goes out. 0, or the errno of the first write that failed.
int flush_output();

// `text` as one segment of a path, or one value of a query: all but A-Z a-z 0-9 - . _ ~ as %XX.
std::string url_escape(std::string_view text);
// kFunctionNotFound, with the rule, when no function can have that name.
Status check_function_name(const std::string& name);
bool is_function_name(std::string_view name);
constexpr const char* kNameRule =
    "names are lower-case letters, digits, _ and -, begin with a letter, and have at most 63";
// Control characters as \x1b, tabs as they are. `indent` stands in front of each further line; with
// none, an end of line is a control character, too.
std::string printable(std::string_view text, std::string_view indent = {});
// The words of a log line: its message and fields, printable.
std::string log_text(const json::object& line);
// As one word of a shell.
std::string shell_quote(const std::string& word);

// What `--output json` prints of a reply, as one line. A body that is JSON is kept digit for digit,
// one that is not UTF-8 is "body_base64".
struct ReplyLine {
  int status = 0;
  std::string_view call_id, content_type, body;
  double queue_ms = 0, start_ms = 0, run_ms = 0;
};
std::string to_json(const ReplyLine& reply);

// Whom root serves as: `trivet` where there is such a user, else empty.
std::string default_user();

// GET on the server's API. When no server answers, none was asked for and `local_root` is not
// empty: on a host opened here, and `was_local` is set.
Result<json::value> fetch(const Common& common, const std::string& path,
                          const std::string& local_root, bool* was_local = nullptr);
// The same view of the folder `root`, without a server.
Result<json::value> view_folder(const Common& common, const std::string& path,
                                const std::string& root);

// Columns with aligned cells, on stdout.
class Table {
 public:
  explicit Table(std::vector<std::string> titles) : rows_{std::move(titles)} {}
  void add(std::vector<std::string> cells) {
    for (auto& cell : cells) cell = printable(cell);
    rows_.push_back(std::move(cells));
  }
  void print() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// A member as text: strings as they are, other values as JSON, "-" when it is missing or null.
std::string cell(const json::object& row, std::string_view key);

}  // namespace trivet::cli
