#include <sstream>
#include "RuntimeContext.h"
#include "RuntimeOutput.h"

namespace runtime {
class Handler {
 public:
  static RuntimeOutput main(RuntimeContext& context) {
    Json::Value form;
    std::stringstream body(std::any_cast<std::string>(context.req.body));
    for (std::string pair; std::getline(body, pair, '&');) {
      auto equals = pair.find('=');
      form[pair.substr(0, equals)] = pair.substr(equals + 1);
    }
    return context.res.json(form);
  }
};
}  // namespace runtime
