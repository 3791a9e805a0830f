// trivet run FILE|DIR: one call without a server. The reply's body on stdout, logs on stderr.
#include <chrono>
#include <cstdio>
#include <iostream>

#include "cli/cli.h"

namespace trivet::cli {
namespace {

struct Options {
  std::string path, input, name;
  std::map<std::string, std::string> overrides;
  int repeat = 1;
};

void print_log(std::string_view line, bool all) {
  boost::system::error_code ec;
  json::value value = json::parse(line, ec);
  if (ec) return;
  const auto& object = value.as_object();
  std::string fields = object.contains("fields") ? " " + json::serialize(object.at("fields")) : "";
  std::string prefix = all ? "[" + cell(object, "level") + "] " : "";
  std::cerr << prefix + cell(object, "message") + fields + "\n";
}

int run(const Common& common, const Options& options) {
  using Clock = std::chrono::steady_clock;
  auto begin = Clock::now();
  auto input = read_input(options.input);
  if (!input) return fail(input.error());
  HostConfig config = host_config(common, options.path);
  config.loop = LoopMode::kCaller;
  config.overrides = options.overrides;
  bool quiet = common.quiet, verbose = common.verbose > 0;
  if (!quiet) config.on_log = [verbose](std::string_view line) { print_log(line, verbose); };
  auto host = Host::open(std::move(config));
  if (!host) return fail(host.error());
  auto functions = (*host)->list_functions();
  std::string name = options.name;
  if (name.empty()) {
    if (functions.size() != 1) {
      for (const auto& problem : (*host)->list_problems())
        std::cerr << "trivet: " << problem << "\n";
      if (functions.empty()) return traits(ErrorCode::kInvalidManifest).exit_code;
      return fail({ErrorCode::kInvalidRequest,
                   options.path + " holds " + std::to_string(functions.size()) + " functions",
                   "say which with --name"});
    }
    name = functions.front().name;
  }
  double opened_ms = std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
  auto reply = (*host)->invoke({name, *input, {}, {}, {}});
  if (!reply) return fail(reply.error());
  double cold_ms = std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
  std::cout << reply->body;
  if (is_terminal(1) && !reply->body.ends_with('\n')) std::cout << "\n";
  std::cout.flush();
  if (verbose) {
    auto warm_begin = Clock::now();
    auto again = (*host)->invoke({name, *input, {}, {}, {}});
    double warm_us = std::chrono::duration<double, std::micro>(Clock::now() - warm_begin).count();
    std::fprintf(stderr, "cold: %.1f ms (opened %.1f, started %.1f, ran %.2f)\n", cold_ms,
                 opened_ms, reply->start_ms, reply->run_ms);
    if (again)
      std::fprintf(stderr, "warm: %.0f us (a second call; ran %.0f us)\n", warm_us,
                   again->run_ms * 1000);
  }
  return reply->status < 400 ? 0 : traits(ErrorCode::kFunctionError).exit_code;
}

}  // namespace

void add_run(CLI::App& app, Common& common, Action& action) {
  auto options = std::make_shared<Options>();
  auto* verb = app.add_subcommand("run", "one call without a server");
  verb->add_option("path", options->path, "a source file or a function's folder")->required();
  verb->add_option("-d,--data-input", options->input, "the input: JSON, @file, or - for stdin");
  verb->add_option("--name", options->name, "which function, when the folder holds several");
  for (const char* key : {"interface", "runtime", "mode", "timeout"})
    verb->add_option_function<std::string>(
        std::string{"--"} + key,
        [options, key](const std::string& value) { options->overrides[key] = value; },
        std::string{"instead of the manifest's "} + key);
  verb->callback([&common, &action, options] {
    action = [&common, options] { return run(common, *options); };
  });
}

}  // namespace trivet::cli
