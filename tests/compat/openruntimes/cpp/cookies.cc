#include "RuntimeContext.h"
#include "RuntimeOutput.h"

namespace runtime {
class Handler {
 public:
  static RuntimeOutput main(RuntimeContext& context) {
    Json::Value headers;
    headers["set-cookie"].append("cookie=value; path=/");
    headers["set-cookie"].append("cookie2=value2; path=/");
    headers["x-other"] = "one";
    return context.res.text("ok", 200, headers);
  }
};
}  // namespace runtime
