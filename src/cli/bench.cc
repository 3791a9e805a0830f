// trivet bench FILE|DIR: cold and warm latency of a function, without a server, beside a floor: the
// same number of bytes through a pair of pipes.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iostream>

#include "cli/cli.h"

namespace trivet::cli {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string path, input = R"({"name":"Ada"})", name;
  int calls = 2000, colds = 10;
  bool cold_only = false, warm_only = false;
};

struct Percentiles {
  double p50 = 0, p99 = 0;
};

Percentiles of(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  auto at = [&](double q) {
    return values[std::min(values.size() - 1,
                           static_cast<size_t>(q * static_cast<double>(values.size())))];
  };
  return {at(0.5), at(0.99)};
}

// Round trips of `size` bytes with a child that echoes them: what no worker can beat.
Percentiles pipe_floor(size_t size, int rounds) {
  int down[2], up[2];
  if (pipe(down) != 0 || pipe(up) != 0) return {};
  pid_t child = fork();
  std::string buffer(size, 'x');
  if (child == 0) {
    close(down[1]);
    close(up[0]);
    ssize_t n = 0;
    while ((n = read(down[0], buffer.data(), size)) > 0)
      if (write(up[1], buffer.data(), static_cast<size_t>(n)) < 0) break;
    _exit(0);
  }
  close(down[0]);
  close(up[1]);
  std::vector<double> us;
  for (int i = 0; i < rounds; ++i) {
    auto begin = Clock::now();
    if (write(down[1], buffer.data(), size) < 0 || read(up[0], buffer.data(), size) <= 0) break;
    us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
  }
  close(down[1]);
  close(up[0]);
  waitpid(child, nullptr, 0);
  return of(std::move(us));
}

struct Measured {
  std::string function, runtime;
  std::vector<double> cold_ms, warm_us;
  double seconds = 0;
};

Result<std::unique_ptr<Host>> open(const Common& common, const Options& options, Measured& out) {
  HostConfig config = host_config(common, options.path);
  config.loop = LoopMode::kCaller;
  config.drain_timeout_ms = 0;
  auto host = Host::open(std::move(config));
  if (!host) return host;
  auto functions = (*host)->list_functions();
  for (const auto& function : functions)
    if (options.name.empty() ? functions.size() == 1 : function.name == options.name) {
      out.function = function.name;
      out.runtime = function.runtime;
    }
  if (out.function.empty())
    return Error{ErrorCode::kFunctionNotFound, options.path + " does not hold exactly one function",
                 "say which with --name"};
  return host;
}

Result<Measured> measure(const Common& common, const Options& options, const std::string& input) {
  Measured out;
  for (int i = 0; !options.warm_only && i < options.colds; ++i) {
    auto host = open(common, options, out);
    if (!host) return std::move(host).error();
    auto begin = Clock::now();
    auto reply = (*host)->invoke({out.function, input, {}, {}, {}});
    if (!reply) return std::move(reply).error();
    if (i > 0 || options.colds == 1)
      out.cold_ms.push_back(
          std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
  }
  if (options.cold_only) return out;
  auto host = open(common, options, out);
  if (!host) return std::move(host).error();
  for (int i = -options.calls / 4; i < options.calls; ++i) {
    auto begin = Clock::now();
    auto reply = (*host)->invoke({out.function, input, {}, {}, {}});
    if (!reply) return std::move(reply).error();
    if (i < 0) continue;
    out.warm_us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
    out.seconds += out.warm_us.back() / 1e6;
  }
  return out;
}

int bench(const Common& common, const Options& options) {
  auto input = read_input(options.input);
  if (!input) return fail(input.error());
  auto measured = measure(common, options, *input);
  if (!measured) return fail(measured.error());
  Percentiles cold = of(measured->cold_ms), warm = of(measured->warm_us),
              floor = pipe_floor(input->size() + 16, options.calls);
  double rate =
      measured->seconds > 0 ? static_cast<double>(measured->warm_us.size()) / measured->seconds : 0;
  if (common.as_json()) {
    json::object out{
        {"function", measured->function},
        {"runtime", measured->runtime},
        {"cold", {{"n", measured->cold_ms.size()}, {"p50_ms", cold.p50}, {"p99_ms", cold.p99}}},
        {"warm",
         {{"n", measured->warm_us.size()},
          {"p50_us", warm.p50},
          {"p99_us", warm.p99},
          {"calls_per_s", rate}}},
        {"floor",
         {{"what", "pipe round trip of the same bytes"},
          {"p50_us", floor.p50},
          {"p99_us", floor.p99}}}};
    std::cout << json::serialize(out) << "\n";
    return 0;
  }
  std::printf("%s (%s)\n", measured->function.c_str(), measured->runtime.c_str());
  if (!measured->cold_ms.empty())
    std::printf("  cold   p50 %8.2f ms   p99 %8.2f ms   (%zu starts)\n", cold.p50, cold.p99,
                measured->cold_ms.size());
  if (!measured->warm_us.empty())
    std::printf("  warm   p50 %8.1f us   p99 %8.1f us   (%zu calls, %.0f/s)\n", warm.p50, warm.p99,
                measured->warm_us.size(), rate);
  std::printf("  floor  p50 %8.1f us   p99 %8.1f us   (pipe round trip of the same bytes)\n",
              floor.p50, floor.p99);
  return 0;
}

}  // namespace

void add_bench(CLI::App& app, Common& common, Action& action) {
  auto options = std::make_shared<Options>();
  auto* verb = app.add_subcommand("bench", "cold and warm latency of a function");
  verb->add_option("path", options->path, "a source file or a function's folder")->required();
  verb->add_option("--name", options->name, "which function, when the folder holds several");
  verb->add_option("-d,--data-input", options->input, "the input: JSON, @file, or -")
      ->capture_default_str();
  verb->add_option("-n", options->calls, "warm calls")
      ->capture_default_str()
      ->check(CLI::Range(1, 10'000'000));
  verb->add_option("--colds", options->colds, "cold starts; the first is not counted")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  verb->add_flag("--cold", options->cold_only, "cold starts only");
  verb->add_flag("--warm", options->warm_only, "warm calls only");
  verb->callback([&common, &action, options] {
    action = [&common, options] { return bench(common, *options); };
  });
}

}  // namespace trivet::cli
