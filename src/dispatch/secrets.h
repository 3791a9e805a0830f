#pragma once
// The secrets of one function: what its workers are given, and what is kept out of its texts. Pure.

#include <map>
#include <string>

#include "catalog/function.h"
#include "vault/secrets.h"

namespace trivet::dispatch {

struct FunctionSecrets {
  std::map<std::string, std::string> env;     // of workers: secrets, and variables made with them
  std::map<std::string, std::string> values;  // by name
  bool operator==(const FunctionSecrets&) const = default;
};

inline bool wants_secrets(const catalog::FunctionSpec& spec) {
  return !spec.secrets.empty() || !spec.secret_env.empty();
}

// kInvalidManifest for one that is not set, with the command that sets it.
Result<FunctionSecrets> secrets_of(const catalog::FunctionSpec& spec, const vault::Values& known);

}  // namespace trivet::dispatch
