#include "RuntimeContext.h"
#include "RuntimeOutput.h"

namespace runtime {
class Handler {
 public:
  static RuntimeOutput main(RuntimeContext& context) {
    std::string engine = "open-runtimes";
    context.log("Debug log");
    context.log(std::to_string(42));
    context.log("engine: " + engine);
    context.error("Error log");
    return context.res.text("logged");
  }
};
}  // namespace runtime
