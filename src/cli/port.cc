// trivet port: calls as terms in packets on stdin and stdout, for who starts it with open_port.
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <iostream>

#include "cli/cli.h"

namespace trivet::cli {
namespace {

// One line of a function's, on stderr.
void print_log(std::string_view line) {
  boost::system::error_code ec;
  json::value value = json::parse(line, ec);
  if (ec) return;
  const auto& object = value.as_object();
  std::cerr << cell(object, "function") + " | " + log_text(object) + "\n";
}

int serve_port(const Common& common, bool logs) {
  HostConfig config = host_config(common, "");
  if (config.data_dir.empty()) config.data_dir = state_dir(".");
  // Pools are started by the peer: no folder is looked through for functions.
  std::filesystem::path none = std::filesystem::path{config.data_dir} / "port";
  std::error_code ec;
  std::filesystem::create_directories(none, ec);
  if (ec)
    return fail({ErrorCode::kIo, "cannot make " + none.string() + ": " + ec.message(),
                 "choose another place with --data"});
  config.root = none.string();
  config.loop = LoopMode::kCaller;
  if (!logs && !common.quiet) config.on_log = print_log;
  auto host = open_host(std::move(config));
  if (!host) return fail(host.error());
  Status served = (*host)->serve_port({STDIN_FILENO, STDOUT_FILENO, logs});
  Status closed = (*host)->close();
  if (!served) {
    fail(served.error());
    return 1;
  }
  return closed ? 0 : fail(closed.error());
}

}  // namespace

void add_port(CLI::App& app, Common& common, Action& action) {
  auto logs = std::make_shared<bool>(false);
  auto* verb = app.add_subcommand(
      "port", "answers calls that come as terms in packets on stdin, until it ends");
  verb->add_flag("--logs", *logs, "what functions print goes out as {log, Line}, not to stderr");
  verb->callback(
      [&common, &action, logs] { action = [&common, logs] { return serve_port(common, *logs); }; });
}

}  // namespace trivet::cli
