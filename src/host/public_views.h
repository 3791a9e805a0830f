#pragma once
// Parts as the public API shows them.

#include <string>
#include <string_view>

#include "catalog/snapshot.h"
#include "dispatch/tokens.h"
#include "trivet/host.h"

namespace trivet {

class TokensOfHost final : public TokenStore {
 public:
  explicit TokensOfHost(dispatch::Tokens& tokens) : tokens_(tokens) {}
  std::string issue(std::string_view function) override { return tokens_.issue(function); }
  std::string verify(std::string_view token) override { return tokens_.verify(token); }

 private:
  dispatch::Tokens& tokens_;
};

FunctionView view_of(const catalog::FunctionSpec& spec, const catalog::Snapshot& snapshot);

}  // namespace trivet
