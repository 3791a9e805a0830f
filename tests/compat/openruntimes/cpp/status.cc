#include "RuntimeContext.h"
#include "RuntimeOutput.h"

namespace runtime {
class Handler {
 public:
  static RuntimeOutput main(RuntimeContext& context) {
    context.res.text("This should be ignored.");
    return context.res.text("I am a teapot", 418);
  }
};
}  // namespace runtime
