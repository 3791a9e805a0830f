#include "RuntimeContext.h"
#include "RuntimeOutput.h"

namespace runtime {
class Handler {
 public:
  static RuntimeOutput main(RuntimeContext& context) {
    Json::Value headers;
    headers["x-query"] = context.req.queryString;
    return context.res.json(context.req.query, 200, headers);
  }
};
}  // namespace runtime
