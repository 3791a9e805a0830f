#include "RuntimeContext.h"
#include "RuntimeOutput.h"

namespace runtime {
class Handler {
 public:
  static RuntimeOutput main(RuntimeContext& context) {
    if (context.req.path == "/temporary") {
      return context.res.redirect("https://example.com/?a=b&c=d", 302);
    }
    return context.res.redirect("https://github.com/");
  }
};
}  // namespace runtime
