#include "builder/builder.h"

#include <algorithm>
#include <thread>

#include "builder/running.h"
#include "wire/text.h"

namespace trivet::builder {

namespace fs = std::filesystem;

// Somebody who waits for a build.
struct Builder::Interest {
  explicit Interest(RunningPtr r) : running(std::move(r)) { change(1); }
  ~Interest() { change(-1); }
  Interest(const Interest&) = delete;
  Interest& operator=(const Interest&) = delete;
  void change(int by) {
    running->callers += by;
    running->nudge.set();
  }
  RunningPtr running;
};

// A folder that an artifact is made in: gone at the end, unless it was renamed.
struct Builder::Making {
  Making(Builder& b, fs::path d) : builder(b), dir(std::move(d)) {}
  ~Making() {
    if (!dir.empty()) builder.discard(dir);
  }
  Making(const Making&) = delete;
  Making& operator=(const Making&) = delete;
  Builder& builder;
  fs::path dir;
};

Builder::Builder(Surroundings around, fs::path cache_dir, Settings settings)
    : around_(around),
      cache_(std::move(cache_dir)),
      settings_(std::move(settings)),
      store_(std::make_shared<store::Store>(cache_)),
      sharing_({around.loop, around.clock, around.launcher,
                [this](const std::string& function, LogLevel level, std::string text) {
                  say(function, level, std::move(text));
                }},
               cache_.string(), settings_.sharing),
      slots_(around.loop, settings_.max_builds > 0
                              ? settings_.max_builds
                              : std::max(1, static_cast<int>(std::thread::hardware_concurrency()))),
      scope_(around.loop) {}

Builder::~Builder() {
  is_closing_ = true;
  for (auto& [key, running] : running_) running->scope.cancel();
  store_->leave();
}

bool Builder::is_trivial(const catalog::FunctionSpec& spec, const catalog::RuntimeSpec& runtime) {
  return !spec.build && runtime.prepare_command.empty() && steps_for(spec, runtime).empty();
}

loop::Task<Result<Artifact>> Builder::build(catalog::FunctionPtr spec,
                                            catalog::RuntimePtr runtime) {
  if (is_trivial(*spec, *runtime)) co_return Artifact{{}, spec->entrypoint};
  std::string key = spec->name + "@" + spec->version;
  auto& slot = running_[key];
  bool is_first = !slot;
  if (is_first) slot = std::make_shared<Running>(around_.loop, std::move(spec), std::move(runtime));
  Interest mine{slot};
  if (is_first) scope_.spawn(supervise(mine.running, key));
  co_await mine.running->done.wait();
  co_return *mine.running->outcome;
}

// Lets the build run for as long as somebody waits for it.
loop::Task<> Builder::supervise(RunningPtr running, std::string key) {
  running->scope.spawn(run(running));
  while (!running->outcome) {
    co_await running->nudge.wait();
    running->nudge.reset();
    if (running->outcome || running->callers > 0) continue;
    if (running->has_begun) {
      Instant end = after(around_.loop.now(), settings_.unwanted);
      bool somebody_came = co_await running->nudge.wait(end);
      if (somebody_came) continue;
    }
    running->scope.cancel();
    running_.erase(key);
    co_return;
  }
  running_.erase(key);
  running->done.set();
}

loop::Task<> Builder::run(RunningPtr running) {
  Running& mine = *running;  // the supervisor keeps it
  auto outcome = co_await build_now(std::move(running));
  mine.outcome.emplace(std::move(outcome));
  mine.nudge.set();
}

loop::Task<Result<Artifact>> Builder::build_now(RunningPtr running) {
  const auto& spec = running->spec;
  const auto& runtime = running->runtime;
  Artifact artifact{{}, spec->entrypoint};
  auto prepared = co_await prepare(runtime, spec->policy.level);
  if (!prepared) co_return std::move(prepared).error();
  running->prepared = artifact.prepared = *prepared;
  if (spec->build && !runs_in_step(*spec, *runtime)) {
    Status built = co_await run_user_command(running);
    if (!built) co_return std::move(built).error();
  }
  if (spec->build && !spec->build->output.empty()) artifact.entrypoint = spec->build->output;
  if (steps_for(*spec, *runtime).empty()) co_return artifact;
  // Named before it is awaited: GCC 12 destroys a capturing temporary of a co_await expression
  // twice.
  auto plan = [spec = spec, runtime = runtime, entrypoint = artifact.entrypoint] {
    return plan_steps(*spec, *runtime, entrypoint);
  };
  auto steps = co_await around_.blocking.run(around_.loop, plan);
  if (!steps) co_return std::move(steps).error();
  if (steps->empty()) co_return artifact;
  artifact.output = store_->files_of(steps->back().key);
  for (size_t i = 0; i + 1 < steps->size(); ++i)
    artifact.needs.push_back(store_->files_of((*steps)[i].key));
  bool is_made = co_await is_there(running, steps->back().key);
  running->steps = steps->size();
  for (size_t i = 0; !is_made && i < steps->size(); ++i) {
    running->step = i + 1;
    Status provided = co_await provide(running, *steps, i);
    if (!provided) co_return std::move(provided).error();
  }
  std::error_code ec;
  if (steps->back().runs_command && !fs::exists(artifact.output / artifact.entrypoint, ec))
    co_return made_nothing(*spec);
  co_return artifact;
}

loop::Task<bool> Builder::is_there(RunningPtr running, std::string key) {
  auto damage = std::make_shared<std::string>();
  auto look = [store = store_, key, damage] { return store->use(key, *damage); };
  bool found = co_await around_.blocking.run(around_.loop, look);
  if (!damage->empty())
    say(*running, LogLevel::kWarn,
        "build: the artifact " + key + " was damaged and is made again: " + *damage);
  co_return found;
}

// From the cache, from another build that is just making it, or made here.
loop::Task<Status> Builder::provide(RunningPtr running, std::vector<Step> steps, size_t index) {
  const std::string& key = steps[index].key;
  for (;;) {
    bool found = co_await is_there(running, key);
    if (found) co_return Status{};
    auto other = making_.find(key);
    if (other == making_.end()) break;
    auto over = other->second;
    co_await over->wait();
  }
  MakingOf ours{*this, key};
  co_return co_await make(std::move(running), std::move(steps), index);
}

loop::Task<Slots::Held> Builder::take_slot(RunningPtr running) {
  if (slots_.is_full())
    say(*running, LogLevel::kInfo,
        "build: waits for others, " + std::to_string(slots_.waiting()) + " before it");
  auto slot = co_await slots_.take();
  running->has_begun = true;
  co_return slot;
}

loop::Task<Status> Builder::make(RunningPtr running, std::vector<Step> steps, size_t index) {
  const Step& step = steps[index];
  auto slot = co_await take_slot(running);
  auto fetched = co_await fetch(running, step.key);
  if (fetched == Sharing::Pulled::kIt) co_return Status{};
  auto begin = [store = store_, key = step.key, before = index ? steps[index - 1].key : ""] {
    return store->begin(key, before);
  };
  auto folder = co_await around_.blocking.run(around_.loop, begin);
  if (!folder) co_return std::move(folder).error();
  Making making{*this, std::move(*folder)};

  const auto& spec = *running->spec;
  const auto& runtime = *running->runtime;
  catalog::Words words = catalog::folders_of(runtime);
  words.binary = runtime.binary;
  words.entrypoint =
      spec.build && !spec.build->output.empty() ? spec.build->output : spec.entrypoint;
  words.source = spec.dir.string();
  words.output = (making.dir / "files").string();
  words.handler = spec.handler;
  words.interface = spec.interface;
  words.lone = spec.lone ? "yes" : "no";
  words.has_command = spec.build ? "yes" : "no";
  words.cache = (cache_ / "packages").string();
  std::error_code ec;
  fs::create_directories(words.cache, ec);  // whoever cannot use it says so

  std::vector<std::string> argv = catalog::expand(step.command, words);
  if (step.runs_command) {
    argv.push_back(spec.build->command);
    argv.insert(argv.end(), spec.build->args.begin(), spec.build->args.end());
  }
  running->before.clear();
  if (!running->prepared.empty()) running->before.push_back(running->prepared);
  for (size_t i = 0; i < index; ++i) running->before.push_back(store_->files_of(steps[i].key));
  Status ran = co_await run_step(running, step.name, std::move(argv), making.dir);
  if (!ran) {
    co_await remove(std::exchange(making.dir, fs::path{}));
    co_return ran;
  }
  auto keep = [store = store_, dir = making.dir, key = step.key] { return store->keep(dir, key); };
  Status kept = co_await around_.blocking.run(around_.loop, keep);
  if (kept) sharing_.push(spec.name, step.key, fetched == Sharing::Pulled::kRefused);
  co_return kept;
}

// From the shared store, if it has it.
loop::Task<Sharing::Pulled> Builder::fetch(RunningPtr running, std::string key) {
  if (!sharing_.is_awake()) co_return Sharing::Pulled::kNothing;
  std::string title = title_of(*running, "fetch");
  say(*running, LogLevel::kInfo, title);
  Instant begin = around_.loop.now();
  auto pulled = co_await sharing_.pull(running->spec->name, key,
                                       running->spec->build_limits.max_bytes, running->time_left);
  Duration took = around_.loop.now() - begin;
  running->time_left = std::max<Duration>(running->time_left - took, 1ms);
  if (pulled != Sharing::Pulled::kIt) co_return pulled;
  bool is_here = co_await is_there(running, key);
  if (!is_here) co_return Sharing::Pulled::kRefused;
  say(*running, LogLevel::kInfo,
      title + ": from " + sharing_.url() + ", took " +
          wire::format_duration(std::chrono::duration_cast<std::chrono::milliseconds>(took)));
  co_return pulled;
}

std::string Builder::title_of(const Running& running, const std::string& step) const {
  std::string title = "build: " + step;
  if (running.steps > 1)
    title += " (" + std::to_string(running.step) + " of " + std::to_string(running.steps) + ")";
  return title;
}

void Builder::say(const Running& running, LogLevel level, std::string text) {
  say(running.spec->name, level, std::move(text));
}

void Builder::say(const std::string& function, LogLevel level, std::string text) {
  LogLine line;
  line.time_ms = around_.clock.unix_ms();
  line.function = function;
  line.level = level;
  line.stream = LogStream::kHost;
  line.message = std::move(text);
  around_.logs.write(std::move(line));
}

// Large folders take long to remove: not on the loop, unless it ends.
void Builder::discard(fs::path dir) {
  if (is_closing_)
    store_->remove(dir);
  else
    scope_.spawn(remove(std::move(dir)));
}

loop::Task<> Builder::remove(fs::path dir) {
  auto work = [store = store_, dir = std::move(dir)] { return store->remove(dir), true; };
  co_await around_.blocking.run(around_.loop, work);
}

}  // namespace trivet::builder
