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
};

enum class As { kText, kTextWithLevel, kJson };

// What the function said. Why it failed, which the host logs, is printed once: as the error.
void print_log(std::string_view line, As form) {
  boost::system::error_code ec;
  json::value value = json::parse(line, ec);
  if (ec) return;
  const auto& object = value.as_object();
  if (cell(object, "stream") == "host") return;
  if (form == As::kJson) {
    std::cerr << std::string{line} + "\n";
    return;
  }
  std::string prefix = form == As::kTextWithLevel ? "[" + cell(object, "level") + "] " : "";
  std::cerr << prefix + log_text(object) + "\n";
}

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

// The function that --name says, or the only one there is.
Result<std::string> choose(Host& host, const Options& options) {
  if (!options.name.empty()) return options.name;
  auto functions = host.list_functions();
  if (functions.size() == 1) return functions.front().name;
  auto problems = host.list_problems();
  if (!functions.empty()) {
    for (const auto& problem : problems) std::cerr << "trivet: " << printable(problem) << "\n";
    return Error{ErrorCode::kInvalidRequest,
                 options.path + " holds " + std::to_string(functions.size()) + " functions",
                 "say which with --name"};
  }
  if (problems.empty())
    return Error{ErrorCode::kFunctionNotFound, options.path + " holds no function",
                 "`trivet runtimes` lists the languages; `trivet new` makes a function"};
  for (size_t i = 1; i < problems.size(); ++i)
    std::cerr << "trivet: " << printable(problems[i]) << "\n";
  return Error{ErrorCode::kInvalidManifest, problems.front()};
}

void print(const Common& common, const CallReply& reply) {
  if (common.as_json()) {
    std::string_view type;
    for (const auto& [name, value] : reply.headers)
      if (name == "content-type") type = value;
    std::cout << to_json({reply.status, reply.call_id, type, reply.body, reply.queue_ms,
                          reply.start_ms, reply.run_ms});
  } else {
    std::cout << reply.body;
    if (is_terminal(1) && !reply.body.ends_with('\n')) std::cout << "\n";
  }
  static_cast<void>(flush_output());  // main says when it failed
}

// A second call, to show what a call costs when nothing has to start.
void call_again(Host& host, const CallRequest& request) {
  auto begin = Clock::now();
  auto again = host.invoke(request);
  if (again)
    std::fprintf(stderr, "warm: %.0f us (a second call; ran %.0f us)\n", ms_since(begin) * 1000,
                 again->run_ms * 1000);
}

int run(const Common& common, const Options& options) {
  auto begin = Clock::now();
  auto input = read_input(options.input);
  if (!input) return fail(input.error());
  HostConfig config = host_config(common, options.path);
  config.loop = LoopMode::kCaller;
  config.overrides = options.overrides;
  bool verbose = common.verbose > 0, raw = common.as_json();
  if (!common.quiet)
    config.on_log = [form = raw ? As::kJson
                            : verbose
                                ? As::kTextWithLevel
                                : As::kText](std::string_view line) { print_log(line, form); };
  auto host = open_host(std::move(config));
  if (!host) return fail(host.error());
  auto name = choose(**host, options);
  if (!name) return fail(name.error());
  double opened_ms = ms_since(begin);
  CallRequest request{*name, *input, {}, {}, {}};
  auto reply = (*host)->invoke(request);
  if (!reply) return fail(reply.error());
  double cold_ms = ms_since(begin);
  print(common, *reply);
  if (verbose && !raw) {
    std::fprintf(stderr, "cold: %.1f ms (opened %.1f, started %.1f, ran %.2f)\n", cold_ms,
                 opened_ms, reply->start_ms, reply->run_ms);
    call_again(**host, request);
  }
  return reply->status < 400 ? 0 : traits(ErrorCode::kFunctionError).exit_code;
}

}  // namespace

void add_run(CLI::App& app, Common& common, Action& action) {
  auto options = std::make_shared<Options>();
  auto* verb =
      app.add_subcommand("run", "one call without a server: the reply on stdout, logs on stderr");
  verb->add_option("path", options->path, "a source file or a function's folder")->required();
  verb->add_option("-d,--data-input", options->input, "the input: JSON, @file, or - for stdin");
  verb->add_option("--name", options->name, "which function, when the folder holds several");
  const std::pair<const char*, const char*> overrides[] = {
      {"interface", "how the code is called, instead of the manifest's; see `trivet runtimes`"},
      {"runtime", "instead of the manifest's, or of the one that the extension says"},
      {"mode", "pool or oneshot, instead of the manifest's"},
      {"timeout", "such as 500ms or 30s, instead of the manifest's"}};
  for (const auto& [key, help] : overrides)
    verb->add_option_function<std::string>(
        std::string{"--"} + key,
        [options, name = key](const std::string& value) { options->overrides[name] = value; },
        help);
  verb->callback([&common, &action, options] {
    action = [&common, options] { return run(common, *options); };
  });
}

}  // namespace trivet::cli
