#include <stdexcept>
#include "RuntimeContext.h"
#include "RuntimeOutput.h"

namespace runtime {
class Handler {
 public:
  static RuntimeOutput main(RuntimeContext& context) { throw std::runtime_error("kaboom"); }
};
}  // namespace runtime
