#pragma once
// The command line: one file per verb or family of verbs, all over include/trivet, as any other
// program would.
//
// Data goes to stdout, words to stderr. A verb returns the process's exit code.

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <functional>
#include <string>
#include <vector>

#include "trivet/client.h"
#include "trivet/host.h"

namespace trivet::cli {

namespace json = boost::json;

// What every verb can be told. Flags win over TRIVET_* variables, those over the defaults.
struct Common {
  std::string server = "http://127.0.0.1:7007";
  bool server_given = false;  // by flag or variable: then nothing else will do
  std::string token;
  std::string data;
  std::vector<std::string> runtimes;
  std::string output = "table";
  bool quiet = false;
  int verbose = 0;
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
void add_shell(CLI::App& app, Common& common, Action& action);

// Says what went wrong on stderr, details and hint included; the exit code that belongs to it.
int fail(const Error& error);
// A reply of the server that is not 2xx, as an Error.
Error error_of(const ClientReply& reply);
// `-d`: JSON text, @file, or - for stdin.
Result<std::string> read_input(const std::string& given);
HostConfig host_config(const Common& common, std::string root);
bool is_terminal(int fd);

// GET on the server's API. When no server answers, none was asked for and `local_root` is not
// empty: on a host opened here.
Result<json::value> fetch(const Common& common, const std::string& path,
                          const std::string& local_root);
// The same view of the folder `root`, without a server.
Result<json::value> view_folder(const Common& common, const std::string& path,
                                const std::string& root);

// Columns with aligned cells, on stdout.
class Table {
 public:
  explicit Table(std::vector<std::string> titles) : rows_{std::move(titles)} {}
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  void print() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// A member as text: strings as they are, other values as JSON, "-" when it is missing or null.
std::string cell(const json::object& row, std::string_view key);

}  // namespace trivet::cli
