#include "dispatch/secrets.h"

namespace trivet::dispatch {
namespace {

enum class Use { kSecret, kVariable };

Error missing(const catalog::FunctionSpec& spec, const std::string& name, Use use,
              const vault::Values& known) {
  if (known.failure) return *known.failure;
  std::string command = "trivet secret set " + name;
  if (use == Use::kSecret)
    return {ErrorCode::kInvalidManifest,
            spec.name + " needs the secret " + name + ", which is not set", "run: " + command};
  return {ErrorCode::kInvalidManifest,
          spec.name + ": the environment variable " + name + " is not set, and no secret either",
          "set it before trivet is started, or run: " + command};
}

}  // namespace

Result<FunctionSecrets> secrets_of(const catalog::FunctionSpec& spec, const vault::Values& known) {
  FunctionSecrets out;
  for (const auto& name : spec.secrets) {
    const std::string* value = known.find(spec.name, name);
    if (!value) return missing(spec, name, Use::kSecret, known);
    out.env[name] = out.values[name] = *value;
  }
  for (const auto& [key, parts] : spec.secret_env) {
    std::string& made = out.env[key];
    for (const auto& part : parts) {
      const std::string* value = part.is_secret ? known.find(spec.name, part.text) : &part.text;
      if (!value) return missing(spec, part.text, Use::kVariable, known);
      if (part.is_secret) out.values[part.text] = *value;
      made += *value;
    }
  }
  return out;
}

}  // namespace trivet::dispatch
