// What a build runs: the manifest's command and the commands of steps, with their limits.
#include <algorithm>
#include <cerrno>
#include <fstream>

#include "builder/running.h"
#include "store/contents.h"
#include "wire/text.h"

namespace trivet::builder {
namespace {

namespace fs = std::filesystem;

constexpr Duration kSizeInterval = 1s;         // between two looks at how much there is
constexpr int kSizeShare = 20;                 // of the time goes into looking, at most one part
constexpr uintmax_t kFull = 1 * limits::kMiB;  // a disk with less free is full

std::string first_line(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

bool is_disk_full(const fs::path& dir) {
  std::error_code ec;
  auto space = fs::space(dir, ec);
  return !ec && space.available < kFull;
}

}  // namespace

Error disk_error(const std::string& what, const std::error_code& ec) {
  return {ErrorCode::kIo, what + ": " + ec.message(), "choose another place with --data"};
}

Error made_nothing(const catalog::FunctionSpec& spec) {
  return {ErrorCode::kBuildFailed, "the build of " + spec.name + " made no " + spec.build->output,
          "check build.output"};
}

// The manifest's own command. Its output stays in the source folder; a stamp remembers what it was
// made from.
loop::Task<Status> Builder::run_user_command(RunningPtr running) {
  const auto& spec = *running->spec;
  std::string output = spec.build->output;
  auto hash = [spec = running->spec, runtime = running->runtime] {
    return command_key(*spec, *runtime);
  };
  auto key = co_await around_.blocking.run(around_.loop, hash);
  if (!key) co_return std::move(key).error();
  std::error_code ec;
  fs::path stamp = cache_ / "stamps" / (spec.name + ".stamp");
  bool present = output.empty() || fs::exists(spec.dir / output, ec);
  if (present && first_line(stamp) == *key) co_return Status{};

  fs::path command = spec.build->command;
  if (command.has_parent_path()) command = spec.dir / command;  // "./make.sh" is the function's own
  std::string program = find_program(command.string());
  if (program.empty())
    co_return Error{
        ErrorCode::kBuildFailed,
        "build command \"" + spec.build->command + "\" of " + spec.name + " is not on PATH",
        "install it, or give an absolute path"};
  std::vector<std::string> argv{program};
  argv.insert(argv.end(), spec.build->args.begin(), spec.build->args.end());
  auto slot = co_await take_slot(running);
  fs::remove(stamp, ec);  // what it vouched for is about to be overwritten
  fs::path unwatched;
  Status ran = co_await run_step(running, spec.build->command, std::move(argv), unwatched);
  if (!ran) co_return ran;
  if (!output.empty() && !fs::exists(spec.dir / output, ec)) co_return made_nothing(spec);

  // Without globs the output itself is part of what is hashed: the stamp is taken after the build.
  auto built = co_await around_.blocking.run(around_.loop, hash);
  if (!built) co_return std::move(built).error();
  fs::create_directories(stamp.parent_path(), ec);
  if (ec) co_return disk_error("cannot make " + stamp.parent_path().string(), ec);
  std::ofstream out(stamp);
  out << *built << "\n";
  out.close();
  if (!out)
    co_return disk_error("cannot write " + stamp.string(), {errno, std::generic_category()});
  co_return Status{};
}

// The network as it is, for packages; of the host's files only what is built, and what of. The
// manifest's own command works in the function's folder: it has no output of its own.
sandbox::Policy build_policy(const catalog::FunctionSpec& spec, const std::vector<fs::path>& before,
                             const fs::path& output, const fs::path& packages) {
  sandbox::Policy policy = sandbox::at_level(std::min(spec.policy.level, sandbox::Level::kSandbox));
  policy.host_network = true;
  policy.limits.memory_bytes = limits::kBuildMemory;
  policy.limits.pids = limits::kBuildPids;
  policy.limits.files = limits::kBuildFiles;
  policy.limits.disk_bytes = limits::kBuildScratch;
  if (policy.level < sandbox::Level::kSandbox) return policy;
  bool in_place = output.empty();
  policy.binds.push_back({spec.dir.string(), in_place});
  if (!in_place) policy.binds.push_back({output.string(), true});
  std::error_code ec;
  for (const auto& made : before) policy.binds.push_back({made.string(), false});
  if (fs::exists(packages, ec)) policy.binds.push_back({packages.string(), true});
  return policy;
}

loop::Task<Status> Builder::run_step(RunningPtr running, std::string name,
                                     std::vector<std::string> argv, fs::path output) {
  const auto& spec = *running->spec;
  std::string title = title_of(*running, name);
  say(*running, LogLevel::kInfo, title);
  loop::Event ended{around_.loop};
  worker::Process::Plan plan;
  plan.function = spec.name;
  plan.merge_output = true;
  plan.launch.spawn = {std::move(argv),
                       build_environment(running->runtime->build_passes, spec.policy.level),
                       spec.dir.string(),
                       {}};
  if (!running->prepared.empty())
    plan.launch.spawn.env.push_back(std::string{kPreparedVariable} + "=" +
                                    running->prepared.string());
  plan.launch.policy = build_policy(spec, running->before, output, cache_ / "packages");
  worker::Process::Surroundings around{around_.loop, around_.clock, around_.logs, around_.launcher};
  auto process =
      worker::Process::start(around, std::move(plan), [&ended](worker::Process&) { ended.set(); });
  if (!process) co_return std::move(process).error();
  Instant begin = around_.loop.now();
  Error too_much{ErrorCode::kBuildFailed, "build step \"" + name + "\" of " + spec.name};
  bool within = co_await await_end(*running, ended, std::move(output), too_much);
  if (!within) {
    (*process)->kill();
    too_much.details.emplace_back("step", name);
    too_much.details.emplace_back("output", (*process)->stderr_tail());
    co_return too_much;
  }
  Duration took = around_.loop.now() - begin;
  running->time_left = std::max<Duration>(running->time_left - took, 1ms);
  const auto& obituary = (*process)->obituary();
  if (obituary.status.code != 0 || !obituary.exit.not_started.empty())
    co_return failure(*running, name, obituary);
  say(*running, LogLevel::kDebug,
      title + ": took " +
          wire::format_duration(std::chrono::duration_cast<std::chrono::milliseconds>(took)));
  co_return Status{};
}

// True: it has ended, within its limits. Else what was too much is added to the error.
loop::Task<bool> Builder::await_end(Running& running, loop::Event& ended, fs::path output,
                                    Error& too_much) {
  const auto& most = running.spec->build_limits;
  Instant deadline = after(around_.loop.now(), running.time_left);
  Instant next_look = output.empty() ? kNever : after(around_.loop.now(), kSizeInterval);
  auto measure = [output] { return store::bytes_below(output); };
  bool is_over = false;
  for (;;) {
    is_over = co_await ended.wait(std::min(deadline, next_look));
    if (!is_over && around_.loop.now() >= deadline) {
      too_much.message += " took more than " + wire::format_duration(most.timeout);
      too_much.hint = "build.timeout is the time for all steps";
      co_return false;
    }
    if (output.empty()) co_return true;
    Instant begin = around_.loop.now();
    uint64_t bytes = co_await around_.blocking.run(around_.loop, measure);
    if (bytes > most.max_bytes) {
      too_much.message += " made more than " + wire::format_size(most.max_bytes);
      too_much.hint = "build.max_size allows more";
      co_return false;
    }
    if (is_over) co_return true;
    Instant now = around_.loop.now();
    next_look = after(now, std::max<Duration>(kSizeInterval, (now - begin) * kSizeShare));
  }
}

Error Builder::failure(const Running& running, const std::string& name,
                       const worker::Obituary& obituary) const {
  const auto& spec = *running.spec;
  Error error{ErrorCode::kBuildFailed, "build step \"" + name + "\" of " + spec.name};
  if (!obituary.exit.not_started.empty()) {
    error.message += " did not start: " + obituary.exit.not_started;
    return error;
  }
  const os::ExitStatus& status = obituary.status;
  error.message += " ended with " + status.text();
  error.hint = "its last lines are in `output`";
  if (is_disk_full(cache_)) {
    error.message += "; the disk of " + cache_.string() + " is full";
    error.hint = "make room (`trivet cache prune`), or choose another place with --data";
  }
  error.details.emplace_back("step", name);
  if (status.signal > 0)
    error.details.emplace_back("signal", os::signal_name(status.signal));
  else
    error.details.emplace_back("exit_code", std::to_string(status.code));
  error.details.emplace_back("output", obituary.stderr_tail);
  return error;
}

}  // namespace trivet::builder
