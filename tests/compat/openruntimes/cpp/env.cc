#include <cstdlib>
#include "RuntimeContext.h"
#include "RuntimeOutput.h"

namespace runtime {
class Handler {
 public:
  static RuntimeOutput main(RuntimeContext& context) {
    auto value = std::getenv("CUSTOM_ENV_VAR");
    return context.res.text(value == NULL ? "" : value);
  }
};
}  // namespace runtime
