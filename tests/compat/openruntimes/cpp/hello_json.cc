#include "RuntimeContext.h"
#include "RuntimeOutput.h"
#include "RuntimeRequest.h"
#include "RuntimeResponse.h"

namespace runtime {
class Handler {
 public:
  static RuntimeOutput main(RuntimeContext& context) {
    Json::Value result;
    result["message"] = "Hello Open Runtimes";
    result["ok"] = true;

    return context.res.json(result);
  }
};
}  // namespace runtime
