#pragma once
// Parts as the public API shows them.

#include <string>
#include <string_view>
#include <vector>

#include "catalog/snapshot.h"
#include "dispatch/census.h"
#include "dispatch/tokens.h"
#include "trivet/host.h"
#include "worker/call.h"

namespace trivet {

class TokensOfHost final : public TokenStore {
 public:
  explicit TokensOfHost(dispatch::Tokens& tokens) : tokens_(tokens) {}
  std::string issue(std::string_view function) override { return tokens_.issue(function); }
  std::string verify(std::string_view token) override { return tokens_.verify(token); }

 private:
  dispatch::Tokens& tokens_;
};

// A call as the dispatcher takes it, with an id of its own when it came without one.
worker::Call call_of(CallRequest request, int64_t unix_ms, Instant now);

// Of a reply whose body is whole.
CallReply reply_of(std::string call_id, worker::Reply reply);

// What its manifest takes from the level sandbox.
std::vector<std::string> weakened_by_manifest(const catalog::FunctionSpec& spec);

std::vector<FunctionView> views_of(const catalog::Snapshot& snapshot);
// kFunctionNotFound, or the problem of that function.
Result<FunctionView> view_of(std::string_view name, const catalog::Snapshot& snapshot);

StatsView stats_of(const catalog::Snapshot& snapshot, const dispatch::Census& census);

// What is wrong with functions, in words: with their files, then with their secrets.
std::vector<std::string> problem_texts(const catalog::Snapshot& snapshot,
                                       const std::vector<catalog::Problem>& more);

}  // namespace trivet
