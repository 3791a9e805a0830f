#include "RuntimeContext.h"
#include "RuntimeOutput.h"

namespace runtime {
class Handler {
 public:
  static RuntimeOutput main(RuntimeContext& context) {
    Json::Value json;
    json["greeting"] = "Grüße, " + context.req.bodyText + "! 👋";
    return context.res.json(json);
  }
};
}  // namespace runtime
