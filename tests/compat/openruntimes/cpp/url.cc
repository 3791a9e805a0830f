#include "RuntimeContext.h"
#include "RuntimeOutput.h"

namespace runtime {
class Handler {
 public:
  static RuntimeOutput main(RuntimeContext& context) {
    RuntimeRequest req = context.req;
    Json::Value json;
    json["method"] = req.method;
    json["scheme"] = req.scheme;
    json["host"] = req.host;
    json["port"] = req.port;
    json["path"] = req.path;
    json["queryString"] = req.queryString;
    json["url"] = req.url;
    return context.res.json(json);
  }
};
}  // namespace runtime
