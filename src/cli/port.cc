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

struct Options {
  bool logs = false;
  int64_t drain_ms = 30'000;
};

int serve_port(const Common& common, const Options& options) {
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
  config.drain_timeout_ms = options.drain_ms;
  config.on_failure = [](std::string_view why) {
    std::cerr << "trivet: " << why << "\n";
    _exit(traits(ErrorCode::kUnavailable).exit_code);
  };
  if (!options.logs && !common.quiet) config.on_log = print_log;
  auto host = open_host(std::move(config));
  if (!host) return fail(host.error());
  if (Status started = (*host)->start(); !started) return fail(started.error());
  Status served = (*host)->serve_port({STDIN_FILENO, STDOUT_FILENO, options.logs});
  Status closed = (*host)->close();
  if (!served) {
    fail(served.error());
    return 1;
  }
  return closed ? 0 : fail(closed.error());
}

}  // namespace

void add_port(CLI::App& app, Common& common, Action& action) {
  auto options = std::make_shared<Options>();
  auto* verb = app.add_subcommand(
      "port", "answers calls that come as terms in packets on stdin, until it ends");
  verb->add_flag("--logs", options->logs,
                 "what functions print goes out as {log, Line}, not to stderr");
  verb->add_option("--drain-ms", options->drain_ms,
                   "how long calls in flight may go on when the input ends")
      ->capture_default_str();
  verb->callback([&common, &action, options] {
    action = [&common, options] { return serve_port(common, *options); };
  });
}

}  // namespace trivet::cli
