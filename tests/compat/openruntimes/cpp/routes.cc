#include "RuntimeContext.h"
#include "RuntimeOutput.h"

namespace runtime {
class Handler {
 public:
  static RuntimeOutput main(RuntimeContext& context) {
    auto& req = context.req;
    auto& res = context.res;

    if (req.method == "GET" && req.path == "/users") {
      Json::Value json;
      json["users"].append("ada");
      json["users"].append("bob");
      return res.json(json);
    } else if (req.method == "POST" && req.path == "/users") {
      return res.text("created " + req.bodyRaw, 201);
    } else if (req.path.rfind("/users/", 0) == 0) {
      std::string id = req.path.substr(7);
      if (req.method == "PATCH") {
        return res.text("changed " + id);
      } else if (req.method == "DELETE") {
        return res.empty();
      }
    }
    return res.text(req.method + " " + req.path + " is not here", 404);
  }
};
}  // namespace runtime
