#pragma once
// Scopes: what an access token may do. Pure.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace trivet::vault {

struct Scopes {
  bool admin = false;                  // everything
  bool read = false;                   // look at functions, workers, logs, metrics
  bool invoke = false;                 // call any function
  std::vector<std::string> functions;  // call these

  // "admin", "read", "invoke", "invoke:NAME", or several with commas. kInvalidInput.
  static Result<Scopes> parse(std::string_view text);
  std::string text() const;
  bool may_invoke(std::string_view function) const;
  bool may_read() const { return admin || read; }
};

}  // namespace trivet::vault
