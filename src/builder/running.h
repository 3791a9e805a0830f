#pragma once
// One build that callers of the same version share. Private to the builder.

#include <optional>

#include "builder/builder.h"

namespace trivet::builder {

struct Builder::Running {
  Running(loop::Loop& loop, catalog::FunctionPtr s, catalog::RuntimePtr r)
      : done(loop),
        nudge(loop),
        spec(std::move(s)),
        runtime(std::move(r)),
        time_left(spec->build_limits.timeout),
        scope(loop) {}
  loop::Event done;   // `outcome` is there
  loop::Event nudge;  // somebody came or went, or it is done
  catalog::FunctionPtr spec;
  catalog::RuntimePtr runtime;
  Duration time_left;  // for what still has to run
  int callers = 0;
  bool has_begun = false;  // had a slot
  size_t step = 0, steps = 0;
  std::vector<std::filesystem::path> before;  // what the steps before this one have made
  std::filesystem::path prepared{};           // by the runtime
  std::optional<Result<Artifact>> outcome;
  loop::Scope scope;  // of the build itself: to drop it is to cancel it
};

// That a key is being made, for others who want the same.
struct Builder::MakingOf {
  MakingOf(Builder& b, std::string k) : builder(b), key(std::move(k)) {
    builder.making_[key] = std::make_shared<loop::Event>(builder.around_.loop);
  }
  ~MakingOf() {
    auto over = builder.making_.extract(key);
    over.mapped()->set();
  }
  MakingOf(const MakingOf&) = delete;
  MakingOf& operator=(const MakingOf&) = delete;
  Builder& builder;
  std::string key;
};

// What a command of a build may do.
sandbox::Policy build_policy(const catalog::FunctionSpec& spec,
                             const std::vector<std::filesystem::path>& before,
                             const std::filesystem::path& output,
                             const std::filesystem::path& packages);
// That the cache cannot be written.
Error disk_error(const std::string& what, const std::error_code& ec);
// That the manifest's command ended well, and build.output is not there.
Error made_nothing(const catalog::FunctionSpec& spec);

}  // namespace trivet::builder
