#pragma once
// The one argument of a handler that is written for open-runtimes: runtime::Handler has a static
// RuntimeOutput main(RuntimeContext& context).

#include <trivet.hpp>

#include "RuntimeOutput.h"
#include "RuntimeRequest.h"
#include "RuntimeResponse.h"

namespace runtime {

class RuntimeContext {
 public:
  RuntimeRequest req;
  RuntimeResponse res;

  explicit RuntimeContext(const trivet::http::Context& context);
  void log(const std::string& message) { host->log(message); }
  void error(const std::string& message) { host->error(message); }

  const trivet::http::Context* host;  // trivet's own: context.host->call("other", input)
};

}  // namespace runtime
