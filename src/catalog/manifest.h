#pragma once
// trivet.yaml to FunctionSpec: every field of the manifest, validated. What is known but comes
// later is refused, never ignored.

#include <map>
#include <string>
#include <vector>

#include "catalog/function.h"
#include "catalog/reader.h"

namespace trivet::catalog {

struct ManifestContext {
  std::filesystem::path dir;                              // of the function
  const std::map<std::string, std::string>& environment;  // for ${VAR} in env
  std::filesystem::path data_dir{};                       // trivet's own, which no function sees
};

// What a manifest left open: discovery fills these in from the runtime.
struct Unresolved {
  bool mode_given = false;
};

// One function from one map. `spec` has defaults; name and dir may be set already. The first error,
// with line and column.
std::optional<Error> read_function(const YamlTree& tree, const YamlNode& map,
                                   const ManifestContext& context, FunctionSpec& spec,
                                   Unresolved& open);

// A runtime's name, "name@3.11", or {engine: name, version: ">=1.0.0"}.
void read_runtime_choice(Reader& reader, FunctionSpec& spec);
// "name" or "name@3.11".
void choose_runtime(std::string_view text, FunctionSpec& spec);
void read_env(Reader& reader, const ManifestContext& context, FunctionSpec& spec);
void read_build(Reader& reader, FunctionSpec& spec);

// Is it absolute, or does it climb with ".."?
bool leaves_folder(std::string_view path);

// "${NAME}" and "$$" in `text`, from `environment`.
Result<std::string> expand_variables(std::string_view text,
                                     const std::map<std::string, std::string>& environment);

}  // namespace trivet::catalog
