#include "host/public_views.h"

#include "base/clock.h"

namespace trivet {

FunctionView view_of(const catalog::FunctionSpec& spec, const catalog::Snapshot& snapshot) {
  auto runtime = snapshot.runtime(spec.runtime);
  return {spec.name,
          spec.runtime,
          runtime ? runtime->version : "",
          spec.interface,
          spec.mode == catalog::Mode::kPool ? "pool" : "oneshot",
          spec.dir.string(),
          spec.entrypoint,
          spec.version,
          spec.description,
          static_cast<int64_t>(to_ms(spec.limits.timeout)),
          runtime && runtime->available(),
          spec.notes};
}

}  // namespace trivet
