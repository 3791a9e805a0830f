#pragma once
// Toys: two made-up runtimes in a scratch folder, so that tests need no toolchain.

#include "catalog/discovery.h"
#include "catalog/scratch_test.h"

namespace trivet::catalog {

// Functions go below functions(); runtime "toy" claims .toy and .both, "tin" claims .tin and .both.
struct Toys {
  Toys() {
    std::filesystem::create_directories(functions());
    add("toy", {".toy", ".both"}, {"main.toy", "index.toy"}, 50);
    add("tin", {".tin", ".both"}, {"main.tin"}, 60);
    missing = "tin";
  }
  void add(const std::string& name, std::vector<std::string> extensions,
           std::vector<std::string> entrypoints, int priority) {
    RuntimeSpec runtime;
    runtime.name = name;
    runtime.dir =
        scratch.write("runtimes/" + name + "/runtime.yaml", "name: " + name).parent_path();
    runtime.extensions = std::move(extensions);
    runtime.entrypoints = std::move(entrypoints);
    runtime.priority = priority;
    runtime.interfaces = {"json", "context", "stdio"};
    runtime.pool_command = {"${binary}"};
    runtime.oneshot_command = {"${binary}", "${entrypoint}"};
    runtimes[name] = std::make_shared<RuntimeSpec>(std::move(runtime));
  }
  std::filesystem::path functions() const { return scratch / "functions"; }
  std::filesystem::path write(std::string_view below, std::string_view text = "x") const {
    return scratch.write("functions/" + std::string{below}, text);
  }
  DiscoveryInput input() {
    return {root.empty() ? functions() : root,
            runtimes,
            environment,
            overrides,
            [this](const RuntimePtr& runtime) {
              probed.push_back(runtime->name);
              auto copy = std::make_shared<RuntimeSpec>(*runtime);
              copy->version = "3.11.2";
              if (runtime->name == missing)
                copy->reason = "not found";
              else
                copy->binary = "/bin/" + runtime->name;
              return copy;
            },
            [this](const RuntimePtr& first, bool again) {
              looked_again = looked_again || again;
              std::vector<RuntimePtr> out;
              for (const auto& version : others) {
                auto copy = std::make_shared<RuntimeSpec>(*first);
                copy->name += "@" + version;
                copy->version = version;
                copy->binary = "/bin/" + first->name + "-" + version;
                out.push_back(std::move(copy));
              }
              return out;
            }};
  }

  Scratch scratch;
  std::filesystem::path root;  // empty = functions()
  std::map<std::string, RuntimePtr, std::less<>> runtimes;
  std::map<std::string, std::string> environment, overrides;
  std::vector<std::string> others;  // versions of every runtime beside 3.11.2
  bool looked_again = false;
  std::string missing;  // the runtime whose toolchain is not there
  std::vector<std::string> probed;
};

}  // namespace trivet::catalog
