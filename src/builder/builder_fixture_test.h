#pragma once
// A builder in a folder of its own, with builds that are lines of /bin/sh.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "builder/builder.h"

namespace trivet::builder {

namespace fs = std::filesystem;

struct Lines final : LogSink {
  std::vector<LogLine> all;
  void write(LogLine line) override { all.push_back(std::move(line)); }
};

// Builds are lines of /bin/sh. Each run of one writes a letter into `runs`, outside of what is
// hashed.
class BuilderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(launcher.open().ok());
    std::string name = (fs::temp_directory_path() / "trivet-builder-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root = name;
    fs::create_directories(root / "runtime");
    put("f/main.x", "main");
    put("f/trivet.yaml", "name: f");
    fresh_builder();
  }
  void TearDown() override {
    builder.reset();
    fs::remove_all(root);
  }

  void put(const std::string& name, std::string_view bytes) {
    fs::create_directories((root / name).parent_path());
    std::ofstream(root / name, std::ios::binary) << bytes;
  }
  std::string read(const fs::path& file) {
    std::stringstream out;
    out << std::ifstream(file).rdbuf();
    return out.str();
  }
  std::string runs() { return read(root / "runs"); }
  std::string run_mark(const std::string& letter = "r") {
    return "printf " + letter + " >>" + (root / "runs").string() + "; ";
  }
  // How many there are in the cache, whole or being made.
  size_t artifacts() {
    std::error_code ec;
    auto entries = fs::directory_iterator(root / "cache/artifacts", ec);
    return ec ? 0 : static_cast<size_t>(std::distance(begin(entries), end(entries)));
  }
  void fresh_builder(Builder::Settings settings = {100, 30s}) {
    Builder::Surroundings around{loop, clock, logs, blocking, launcher};
    builder = std::make_unique<Builder>(around, root / "cache", settings);
  }

  catalog::FunctionSpec function(const std::string& name = "f") {
    catalog::FunctionSpec spec;
    spec.name = name;
    spec.version = "v1";
    // What steps do is looked at from outside; how they are confined has tests of its own.
    spec.policy.level = sandbox::Level::kTrusted;
    spec.dir = root / name;
    spec.entrypoint = "main.x";
    spec.interface = "json";
    spec.manifest = spec.dir / "trivet.yaml";
    return spec;
  }
  // A manifest's own command.
  catalog::FunctionSpec function_built_by(const std::string& script,
                                          std::vector<std::string> watch = {"*.x"}) {
    auto spec = function();
    spec.build = catalog::Build{"/bin/sh", {"-c", script}, "out.bin", std::move(watch)};
    return spec;
  }
  static catalog::BuildStep step(const std::string& name, const std::string& script) {
    catalog::BuildStep out;
    out.name = name;
    out.command = {"/bin/sh", "-c", script};
    return out;
  }
  catalog::RuntimeSpec plain_runtime() {
    catalog::RuntimeSpec runtime;
    runtime.name = "x";
    runtime.version = "1.0";
    runtime.dir = root / "runtime";
    return runtime;
  }
  catalog::RuntimeSpec runtime_with_step(const std::string& script) {
    auto runtime = plain_runtime();
    runtime.build_steps.push_back(step("compile", script));
    return runtime;
  }

  struct Caller {
    std::optional<Result<Artifact>> outcome;
    std::unique_ptr<loop::Scope> scope;
  };
  static loop::Task<> keep(loop::Task<Result<Artifact>> task,
                           std::optional<Result<Artifact>>& out) {
    out.emplace(co_await std::move(task));
  }
  void call(Caller& caller, const catalog::FunctionSpec& spec,
            const catalog::RuntimeSpec& runtime) {
    caller.scope = std::make_unique<loop::Scope>(loop);
    auto task = builder->build(std::make_shared<catalog::FunctionSpec>(spec),
                               std::make_shared<catalog::RuntimeSpec>(runtime));
    caller.scope->spawn(keep(std::move(task), caller.outcome));
  }
  Result<Artifact> build(const catalog::FunctionSpec& spec, const catalog::RuntimeSpec& runtime) {
    Caller caller;
    call(caller, spec, runtime);
    while (!caller.outcome) loop.run_once();
    return std::move(*caller.outcome);
  }
  // Goes on until there is such a file: what made it has come that far.
  void await_file(const fs::path& file) {
    for (Instant end = loop.now() + 20s; !fs::exists(file) && loop.now() < end;)
      loop.run_once(loop.now() + 1ms);
  }

  loop::Loop loop;
  launcher::Launcher launcher{loop};
  RealClock clock;
  Lines logs;
  loop::BlockingPool blocking{2};
  fs::path root;
  std::unique_ptr<Builder> builder;
};

inline std::string detail(const Error& error, std::string_view key) {
  for (const auto& [name, value] : error.details)
    if (name == key) return value;
  return "(none)";
}

}  // namespace trivet::builder
