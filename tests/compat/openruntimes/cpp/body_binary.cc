#include <algorithm>
#include "RuntimeContext.h"
#include "RuntimeOutput.h"

namespace runtime {
class Handler {
 public:
  static RuntimeOutput main(RuntimeContext& context) {
    std::vector<std::byte> bytes = context.req.bodyBinary;
    std::reverse(bytes.begin(), bytes.end());

    Json::Value headers;
    headers["content-type"] = context.req.headers["content-type"];
    return context.res.binary(bytes, 200, headers);
  }
};
}  // namespace runtime
