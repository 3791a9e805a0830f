#include "RuntimeContext.h"
#include "RuntimeOutput.h"

namespace runtime {
class Handler {
 public:
  static RuntimeOutput main(RuntimeContext& context) {
    RuntimeRequest req = context.req;
    RuntimeResponse res = context.res;

    std::string hidden = req.headers["x-open-runtimes-in"].asString();
    if (hidden.empty()) {
      hidden = "missing";
    }

    Json::Value headers;
    headers["X-Given"] = req.headers["x-given"].asString();
    headers["x-open-runtimes-out"] = "hidden";
    headers["content-type"] = "text/plain; charset=ISO-8859-1";
    return res.text(req.headers["cookie"].asString() + " " + hidden, 200, headers);
  }
};
}  // namespace runtime
