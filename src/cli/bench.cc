// trivet bench NAME|FILE|DIR: cold and warm latency of a function, in a host of its own, beside a
// floor: the same number of bytes through a pair of pipes.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <thread>

#include "cli/cli.h"

namespace trivet::cli {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string path, input = R"({"name":"Ada"})", name;
  int calls = 2000, colds = 10, callers = 1;
  bool cold = false, warm = false;  // neither means both
  bool wants_cold() const { return cold || !warm; }
  bool wants_warm() const { return warm || !cold; }
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

// There and back, in pieces that a pipe holds: else both sides could wait for each other.
bool round_trip(int to, int from, std::string& buffer) {
  constexpr size_t kPiece = 32 * 1024;
  for (size_t done = 0; done < buffer.size();) {
    size_t piece = std::min(kPiece, buffer.size() - done);
    if (write(to, buffer.data() + done, piece) != static_cast<ssize_t>(piece)) return false;
    for (size_t end = done + piece; done < end;) {
      ssize_t n = read(from, buffer.data() + done, end - done);
      if (n <= 0) return false;
      done += static_cast<size_t>(n);
    }
  }
  return true;
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
    if (!round_trip(down[1], up[0], buffer)) break;
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

// A name instead of a path: the folder where the server, or this folder, has that function.
Result<Options> located(const Common& common, Options options) {
  std::error_code ec;
  if (std::filesystem::exists(options.path, ec)) return options;
  if (!is_function_name(options.path))
    return Error{ErrorCode::kNotFound, "there is no " + options.path,
                 "name a source file, a function's folder, or a function"};
  auto row = fetch(common, "/v1/functions/" + url_escape(options.path), ".");
  if (!row) return std::move(row).error();
  options.name = options.path;
  std::string manifest = cell(row->as_object(), "manifest");
  options.path = manifest == "-" ? cell(row->as_object(), "path")
                                 : std::filesystem::path{manifest}.parent_path().string();
  return options;
}

Result<std::unique_ptr<Host>> open(const Common& common, const Options& options, Measured& out) {
  HostConfig config = host_config(common, options.path);
  config.loop = options.callers == 1 ? LoopMode::kCaller : LoopMode::kBackground;
  config.drain_timeout_ms = 0;
  auto host = open_host(std::move(config));
  if (!host) return host;
  auto functions = (*host)->list_functions();
  for (const auto& function : functions)
    if (options.name.empty() ? functions.size() == 1 : function.name == options.name) {
      out.function = function.name;
      out.runtime = function.runtime;
    }
  if (!out.function.empty()) return host;
  if (!options.name.empty())
    return Error{ErrorCode::kFunctionNotFound,
                 options.path + " holds no function \"" + options.name + "\"",
                 "`trivet ls` lists them"};
  return Error{ErrorCode::kFunctionNotFound, options.path + " does not hold exactly one function",
               "say which with --name"};
}

using Latencies = std::vector<double>;  // microseconds

// One caller's calls, one after the other.
Result<Latencies> calls_in_a_row(Host& host, const CallRequest& request, int calls) {
  Latencies us;
  us.reserve(static_cast<size_t>(calls));
  for (int i = 0; i < calls; ++i) {
    auto begin = Clock::now();
    auto reply = host.invoke(request);
    if (!reply) return std::move(reply).error();
    us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
  }
  return us;
}

// `calls` in all, from `callers` threads at once.
Result<Latencies> calls_at_once(Host& host, const CallRequest& request, int calls, int callers) {
  if (callers == 1) return calls_in_a_row(host, request, calls);
  std::vector<Result<Latencies>> results(static_cast<size_t>(callers), Latencies{});
  std::vector<std::thread> threads;
  for (int i = 0; i < callers; ++i)
    threads.emplace_back([&host, &request, &results, calls, callers, i] {
      int share = calls / callers + (i < calls % callers ? 1 : 0);
      results[static_cast<size_t>(i)] = calls_in_a_row(host, request, share);
    });
  for (auto& thread : threads) thread.join();
  Latencies all;
  for (auto& result : results) {
    if (!result) return std::move(result).error();
    all.insert(all.end(), result->begin(), result->end());
  }
  return all;
}

Status measure_cold(const Common& common, const Options& options, const std::string& input,
                    Measured& out) {
  for (int i = 0; i < options.colds; ++i) {
    auto host = open(common, options, out);
    if (!host) return std::move(host).error();
    auto begin = Clock::now();
    auto reply = (*host)->invoke({out.function, input, {}, {}, {}});
    if (!reply) return std::move(reply).error();
    if (i > 0 || options.colds == 1)
      out.cold_ms.push_back(
          std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
  }
  return {};
}

Status measure_warm(const Common& common, const Options& options, const std::string& input,
                    Measured& out) {
  auto host = open(common, options, out);
  if (!host) return std::move(host).error();
  CallRequest request{out.function, input, {}, {}, {}};
  int before = std::max(options.calls / 4, options.callers);  // workers start, code gets warm
  auto unmeasured = calls_at_once(**host, request, before, options.callers);
  if (!unmeasured) return std::move(unmeasured).error();
  auto begin = Clock::now();
  auto warm = calls_at_once(**host, request, options.calls, options.callers);
  out.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  if (!warm) return std::move(warm).error();
  out.warm_us = std::move(*warm);
  return {};
}

Result<Measured> measure(const Common& common, const Options& given, const std::string& input) {
  auto options = located(common, given);
  if (!options) return std::move(options).error();
  Measured out;
  Status done;
  if (options->wants_cold()) done = measure_cold(common, *options, input, out);
  if (done && options->wants_warm()) done = measure_warm(common, *options, input, out);
  if (!done) return std::move(done).error();
  return out;
}

double rate_of(const Measured& measured) {
  return measured.seconds > 0 ? static_cast<double>(measured.warm_us.size()) / measured.seconds : 0;
}

int print_json(const Measured& measured, const Options& options, const Percentiles& floor) {
  Percentiles cold = of(measured.cold_ms), warm = of(measured.warm_us);
  json::object out{
      {"function", measured.function},
      {"runtime", measured.runtime},
      {"cold", {{"n", measured.cold_ms.size()}, {"p50_ms", cold.p50}, {"p99_ms", cold.p99}}},
      {"warm",
       {{"n", measured.warm_us.size()},
        {"callers", options.callers},
        {"p50_us", warm.p50},
        {"p99_us", warm.p99},
        {"calls_per_s", rate_of(measured)}}},
      {"floor",
       {{"what", "pipe round trip of the same bytes"},
        {"p50_us", floor.p50},
        {"p99_us", floor.p99}}}};
  std::cout << json::serialize(out) << "\n";
  return 0;
}

int bench(const Common& common, const Options& options) {
  auto input = read_input(options.input);
  if (!input) return fail(input.error());
  auto measured = measure(common, options, *input);
  if (!measured) return fail(measured.error());
  Percentiles floor = pipe_floor(input->size() + 16, options.calls);
  if (common.as_json()) return print_json(*measured, options, floor);
  Percentiles cold = of(measured->cold_ms), warm = of(measured->warm_us);
  std::printf("%s (%s)\n", measured->function.c_str(), measured->runtime.c_str());
  if (!measured->cold_ms.empty())
    std::printf("  cold   p50 %8.2f ms   p99 %8.2f ms   (%zu starts)\n", cold.p50, cold.p99,
                measured->cold_ms.size());
  if (!measured->warm_us.empty())
    std::printf("  warm   p50 %8.1f us   p99 %8.1f us   (%zu calls, %d at once, %.0f/s)\n",
                warm.p50, warm.p99, measured->warm_us.size(), options.callers, rate_of(*measured));
  std::printf("  floor  p50 %8.1f us   p99 %8.1f us   (pipe round trip of the same bytes)\n",
              floor.p50, floor.p99);
  return 0;
}

}  // namespace

void add_bench(CLI::App& app, Common& common, Action& action) {
  auto options = std::make_shared<Options>();
  auto* verb = app.add_subcommand(
      "bench", "latency and throughput of a function, cold and warm, beside a floor");
  verb->add_option("what", options->path,
                   "a function of the running server or of this folder, a source file, or a folder")
      ->required();
  verb->add_option("--name", options->name, "which function, when the folder holds several");
  verb->add_option("-d,--data-input", options->input, "the input: JSON, @file, or -")
      ->capture_default_str();
  verb->add_option("-n", options->calls, "warm calls")
      ->capture_default_str()
      ->check(CLI::Range(1, 10'000'000));
  verb->add_option("-c", options->callers, "callers at once")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  verb->add_option("--colds", options->colds, "cold starts; the first is not counted")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  verb->add_flag("--cold", options->cold, "cold starts only, unless with --warm");
  verb->add_flag("--warm", options->warm, "warm calls only, unless with --cold");
  verb->callback([&common, &action, options] {
    action = [&common, options] { return bench(common, *options); };
  });
}

}  // namespace trivet::cli
