#include <trivet.hpp>

struct Input {
  std::string name = "World";
};
TRIVET_RECORD(Input, name)

// Called once per request. The JSON body becomes Input; what is returned becomes the reply.
trivet::Json handler(const Input& input, trivet::Context& ctx) {
  ctx.log.info("greeting", trivet::write(input));
  return trivet::Json::object({{"message", "Hello, " + input.name + "!"}});
}
