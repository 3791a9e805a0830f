#pragma once
// Functions written for Alyx: a manifest.yaml in the function's folder, or the `functions:` of a
// schema.yaml. They speak stdio, one process per call, and serve unchanged. Hooks, schedules and
// rules are checked by Alyx's rules and noted as not enforced.

#include "catalog/manifest.h"

namespace trivet::catalog {

std::optional<Error> read_alyx_function(const YamlTree& tree, const YamlNode& map,
                                        const ManifestContext& context, FunctionSpec& spec);

// Is it Alyx's schema.yaml or manifest.yaml rather than something else of that name.
bool looks_like_alyx_schema(const YamlNode& root);
bool looks_like_alyx_manifest(const YamlNode& root);

}  // namespace trivet::catalog
