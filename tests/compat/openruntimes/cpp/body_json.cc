#include <stdexcept>
#include "RuntimeContext.h"

namespace runtime {
class Handler {
 public:
  static RuntimeOutput main(RuntimeContext& context) {
    Json::Value body = context.req.bodyJson;
    if (body.empty()) {
      throw std::invalid_argument("Invalid JSON");
    }

    Json::Value result;
    result["name"] = body["name"].asString();
    result["tags"] = body["tags"].size();
    return context.res.json(result);
  }
};
}  // namespace runtime
