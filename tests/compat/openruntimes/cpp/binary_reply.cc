#include "RuntimeContext.h"
#include "RuntimeOutput.h"

namespace runtime {
class Handler {
 public:
  static RuntimeOutput main(RuntimeContext& context) {
    std::vector<std::byte> bytes;
    for (int each : {0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0xff}) {
      bytes.push_back(std::byte(each));
    }

    Json::Value headers;
    headers["content-type"] = "image/png";
    return context.res.binary(bytes, 200, headers);
  }
};
}  // namespace runtime
