#include "builder/builder.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>

#include "builder/tree_hash.h"

namespace trivet::builder {
namespace {

namespace fs = std::filesystem;

constexpr auto kBuildTimeout = std::chrono::minutes{10};

// A lone file with a file beside it that a build names outright (a module's description) belongs to
// the folder.
bool is_all_there_is(const catalog::FunctionSpec& spec, const std::vector<std::string>& globs) {
  std::error_code ec;
  return spec.lone && std::none_of(globs.begin(), globs.end(), [&](const std::string& glob) {
           return glob.find('*') == std::string::npos && fs::is_regular_file(spec.dir / glob, ec);
         });
}

// What a build is made of. Runs on a blocking thread.
Result<std::string> content_key(const catalog::FunctionSpec& spec,
                                const catalog::RuntimeSpec& runtime,
                                const std::vector<std::string>& globs) {
  ContentHash hash;
  hash.add("runtime", runtime.name);
  hash.add("toolchain", runtime.version);
  for (const std::string* part : {&spec.entrypoint, &spec.handler, &spec.interface})
    hash.add("part", *part);
  if (spec.build) {
    hash.add("command", spec.build->command);
    for (const auto& arg : spec.build->args) hash.add("arg", arg);
  }
  hash.add("lone", spec.lone ? "yes" : "no");
  if (Status s = hash.add_tree(runtime.dir, {}); !s) return s.error();
  Status s =
      is_all_there_is(spec, globs) ? hash.add_file(spec.manifest) : hash.add_tree(spec.dir, globs);
  if (!s) return s.error();
  return hash.hex();
}

Error disk_error(const std::string& what, const std::error_code& ec) {
  return {ErrorCode::kIo, what + ": " + ec.message(), "choose another place with --data"};
}

std::string first_line(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

// A folder that an artifact is made in: gone at the end, unless it was renamed.
struct Making {
  explicit Making(fs::path d) : dir(std::move(d)) { clear(); }
  ~Making() { clear(); }
  Making(const Making&) = delete;
  Making& operator=(const Making&) = delete;
  void clear() {
    std::error_code ec;
    fs::remove_all(dir, ec);
  }
  fs::path dir;
};

}  // namespace

// One build that callers of the same version share.
struct Builder::Running {
  Running(loop::Loop& loop, catalog::FunctionPtr s, catalog::RuntimePtr r)
      : done(loop), spec(std::move(s)), runtime(std::move(r)) {}
  loop::Event done;
  catalog::FunctionPtr spec;
  catalog::RuntimePtr runtime;
  std::optional<Result<Artifact>> outcome;
};

bool Builder::is_trivial(const catalog::FunctionSpec& spec, const catalog::RuntimeSpec& runtime) {
  return !spec.build && runtime.build_steps.empty();
}

loop::Task<Result<Artifact>> Builder::build(catalog::FunctionPtr spec,
                                            catalog::RuntimePtr runtime) {
  if (is_trivial(*spec, *runtime)) co_return Artifact{{}, spec->entrypoint};
  std::string key = spec->name + "@" + spec->version;
  auto& slot = running_[key];
  if (!slot) {
    slot = std::make_shared<Running>(around_.loop, std::move(spec), std::move(runtime));
    auto mine = slot;
    scope_.spawn(run(mine, key));
    co_await mine->done.wait();
    co_return *mine->outcome;
  }
  auto shared = slot;
  co_await shared->done.wait();
  co_return *shared->outcome;
}

loop::Task<> Builder::run(std::shared_ptr<Running> running, std::string key) {
  running->outcome.emplace(co_await build_now(running->spec, running->runtime));
  running_.erase(key);
  running->done.set();
}

loop::Task<Result<Artifact>> Builder::build_now(catalog::FunctionPtr spec,
                                                catalog::RuntimePtr runtime) {
  Artifact artifact{{}, spec->entrypoint};
  if (spec->build) {
    Status built = co_await run_user_command(*spec, *runtime);
    if (!built) co_return std::move(built).error();
    if (!spec->build->output.empty()) artifact.entrypoint = spec->build->output;
  }
  if (!runtime->build_steps.empty()) {
    auto output = co_await run_steps(*spec, *runtime, artifact.entrypoint);
    if (!output) co_return std::move(output).error();
    artifact.output = std::move(*output);
  }
  co_return artifact;
}

// The manifest's own command. Its output stays in the source folder; a stamp remembers what it was
// made from.
loop::Task<Status> Builder::run_user_command(const catalog::FunctionSpec& spec,
                                             const catalog::RuntimeSpec& runtime) {
  std::vector<std::string> globs = spec.build->watch;
  std::string output = spec.build->output;
  // Named before it is awaited: GCC 12 destroys a capturing temporary of a co_await expression
  // twice.
  auto hash = [spec, runtime, globs] { return content_key(spec, runtime, globs); };
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
  fs::remove(stamp, ec);  // what it vouched for is about to be overwritten
  Status ran = co_await run_step(spec, spec.build->command, std::move(argv));
  if (!ran) co_return ran;
  if (!output.empty() && !fs::exists(spec.dir / output, ec))
    co_return Error{ErrorCode::kBuildFailed, "the build of " + spec.name + " made no " + output,
                    "check build.output"};

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

loop::Task<Result<fs::path>> Builder::run_steps(const catalog::FunctionSpec& spec,
                                                const catalog::RuntimeSpec& runtime,
                                                const std::string& entrypoint) {
  auto hash = [spec, runtime] { return content_key(spec, runtime, runtime.build_inputs); };
  auto key = co_await around_.blocking.run(around_.loop, hash);
  if (!key) co_return std::move(key).error();
  fs::path output = cache_ / "artifacts" / *key;
  std::error_code ec;
  if (fs::exists(output, ec)) co_return output;

  // Another function, version or process may be making the same: each in a folder of its own.
  std::string maker = spec.name + "." + spec.version + "." + std::to_string(getpid());
  Making making{cache_ / "artifacts" / (*key + "." + maker + ".making")};
  fs::create_directories(making.dir, ec);
  if (ec) co_return disk_error("cannot make " + making.dir.string(), ec);
  catalog::Words words{runtime.binary, runtime.dir.string(), runtime.dir.parent_path().string(),
                       entrypoint,     spec.dir.string(),    making.dir.string(),
                       spec.handler,   spec.interface,       spec.lone ? "yes" : "no"};
  for (const auto& step : runtime.build_steps) {
    std::vector<std::string> argv = catalog::expand(step.command, words);
    Status ran = co_await run_step(spec, step.name, std::move(argv));
    if (!ran) co_return std::move(ran).error();
  }
  fs::rename(making.dir, output, ec);
  std::error_code none;
  if (ec && fs::exists(output, none)) co_return output;  // another was faster
  if (ec) co_return disk_error("cannot keep " + output.string(), ec);
  co_return output;
}

loop::Task<Status> Builder::run_step(const catalog::FunctionSpec& spec, std::string name,
                                     std::vector<std::string> argv) {
  loop::Event ended{around_.loop};
  worker::Process::Plan plan;
  plan.function = spec.name;
  plan.merge_output = true;
  plan.launch.spawn = {std::move(argv), base_environment({}), spec.dir.string(), {}};
  worker::Process::Surroundings around{around_.loop, around_.clock, around_.logs, around_.launcher};
  auto process =
      worker::Process::start(around, std::move(plan), [&ended](worker::Process&) { ended.set(); });
  if (!process) co_return std::move(process).error();
  bool in_time = co_await ended.wait(after(around_.loop.now(), kBuildTimeout));
  if (!in_time) {
    (*process)->kill();
    co_return Error{ErrorCode::kBuildFailed,
                    "build step \"" + name + "\" of " + spec.name + " took more than 10 minutes"};
  }
  const auto& obituary = (*process)->obituary();
  if (!obituary.exit.not_started.empty())
    co_return Error{ErrorCode::kBuildFailed, "build step \"" + name + "\" of " + spec.name +
                                                 " did not start: " + obituary.exit.not_started};
  const os::ExitStatus& status = obituary.status;
  if (status.code == 0) co_return Status{};
  Error error{ErrorCode::kBuildFailed,
              "build step \"" + name + "\" of " + spec.name + " ended with " + status.text(),
              "its last lines are in `output`"};
  error.details.emplace_back("step", name);
  if (status.signal > 0)
    error.details.emplace_back("signal", os::signal_name(status.signal));
  else
    error.details.emplace_back("exit_code", std::to_string(status.code));
  error.details.emplace_back("output", obituary.stderr_tail);
  co_return error;
}

}  // namespace trivet::builder
