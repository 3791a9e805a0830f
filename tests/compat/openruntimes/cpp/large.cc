#include "RuntimeContext.h"
#include "RuntimeOutput.h"

namespace runtime {
class Handler {
 public:
  static RuntimeOutput main(RuntimeContext& context) {
    Json::Value headers;
    headers["x-size"] = std::to_string(context.req.bodyBinary.size());
    return context.res.binary(context.req.bodyBinary, 200, headers);
  }
};
}  // namespace runtime
