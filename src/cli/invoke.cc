// trivet invoke NAME: one call to a running server.
#include <cstdlib>
#include <iostream>

#include "cli/cli.h"

namespace trivet::cli {
namespace {

struct Options {
  std::string name, input;
  bool later = false;
  int64_t timeout_ms = 120'000;
};

// One member of "queue;dur=0.1, start;dur=0, run;dur=2.5".
double timing_of(std::string_view header, std::string_view name) {
  size_t at = header.find(std::string{name} + ";dur=");
  if (at == std::string_view::npos) return 0;
  return std::strtod(std::string{header.substr(header.find('=', at) + 1)}.c_str(), nullptr);
}

void print(const Common& common, const ClientReply& reply) {
  std::string_view timing = reply.header("server-timing"), call_id = reply.header("x-call-id");
  if (common.as_json()) {
    std::cout << to_json({reply.status, call_id, reply.header("content-type"), reply.body,
                          timing_of(timing, "queue"), timing_of(timing, "start"),
                          timing_of(timing, "run")});
    return;
  }
  std::cout << reply.body;
  if (is_terminal(1) && !reply.body.ends_with('\n')) std::cout << "\n";
  if (common.verbose)
    std::cerr << "status " << reply.status << ", call " << call_id << ", " << timing << "\n";
}

int invoke(const Common& common, const Options& options) {
  if (options.later) return fail({ErrorCode::kNotSupported, "--async is not supported yet"});
  if (Status possible = check_function_name(options.name); !possible) return fail(possible.error());
  auto input = read_input(options.input);
  if (!input) return fail(input.error());
  auto client = Client::connect(common.server, common.token, options.timeout_ms);
  if (!client) return fail(client.error());
  auto reply = (*client)->request("POST", "/function/" + url_escape(options.name),
                                  {{"content-type", "application/json"}}, *input);
  if (!reply) return fail(reply.error());
  bool problem = reply->header("content-type").starts_with("application/problem+json");
  if (problem) return fail(error_of(*reply));
  print(common, *reply);
  return reply->status < 400 ? 0 : traits(ErrorCode::kFunctionError).exit_code;
}

}  // namespace

void add_invoke(CLI::App& app, Common& common, Action& action) {
  auto options = std::make_shared<Options>();
  auto* verb = app.add_subcommand("invoke", "one call to a running server");
  verb->add_option("name", options->name, "the function")->required();
  verb->add_option("-d,--data-input", options->input, "the input: JSON, @file, or - for stdin");
  verb->add_flag("--async", options->later, "return when the call is queued (not supported yet)");
  verb->add_option("--timeout-ms", options->timeout_ms,
                   "how long to wait for the answer, in milliseconds")
      ->capture_default_str();
  verb->callback([&common, &action, options] {
    action = [&common, options] { return invoke(common, *options); };
  });
}

}  // namespace trivet::cli
