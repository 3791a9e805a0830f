// trivet invoke NAME: one call to a running server.
#include <iostream>

#include "cli/cli.h"

namespace trivet::cli {
namespace {

struct Options {
  std::string name, input;
  bool later = false;
  int64_t timeout_ms = 120'000;
};

int invoke(const Common& common, const Options& options) {
  if (options.later) return fail({ErrorCode::kNotSupported, "--async is not supported yet"});
  auto input = read_input(options.input);
  if (!input) return fail(input.error());
  auto client = Client::connect(common.server, common.token, options.timeout_ms);
  if (!client) return fail(client.error());
  auto reply = (*client)->request("POST", "/function/" + options.name,
                                  {{"content-type", "application/json"}}, *input);
  if (!reply) return fail(reply.error());
  bool problem = reply->header("content-type").starts_with("application/problem+json");
  if (problem) return fail(error_of(*reply));
  std::cout << reply->body;
  if (is_terminal(1) && !reply->body.ends_with('\n')) std::cout << "\n";
  if (common.verbose)
    std::cerr << "status " << reply->status << ", call " << reply->header("x-call-id") << ", "
              << reply->header("server-timing") << "\n";
  return reply->status < 400 ? 0 : traits(ErrorCode::kFunctionError).exit_code;
}

}  // namespace

void add_invoke(CLI::App& app, Common& common, Action& action) {
  auto options = std::make_shared<Options>();
  auto* verb = app.add_subcommand("invoke", "one call to a running server");
  verb->add_option("name", options->name, "the function")->required();
  verb->add_option("-d,--data-input", options->input, "the input: JSON, @file, or - for stdin");
  verb->add_flag("--async", options->later, "return when the call is queued");
  verb->add_option("--timeout-ms", options->timeout_ms, "how long to wait for the answer")
      ->capture_default_str();
  verb->callback([&common, &action, options] {
    action = [&common, options] { return invoke(common, *options); };
  });
}

}  // namespace trivet::cli
