#include "RuntimeContext.h"
#include "RuntimeOutput.h"

namespace runtime {
class Handler {
 public:
  static RuntimeOutput main(RuntimeContext& context) {
    RuntimeOutput output;
    context.res.text("This should be ignored, as it is not returned.");
    return output;
  }
};
}  // namespace runtime
