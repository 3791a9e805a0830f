#pragma once
// From what a manifest says to what can run: the runtime, entrypoint, interface and mode that it
// left open, checked against each other.

#include "catalog/discovery.h"
#include "catalog/manifest.h"

namespace trivet::catalog {

// Does the runtime's list of extensions have the file's.
bool claims(const RuntimeSpec& runtime, const std::filesystem::path& file);

// Of a lone file: itself and what it may import, the sources of its runtime directly beside it.
std::vector<std::filesystem::path> sources_of_lone(const FunctionSpec& spec,
                                                   const RuntimeSpec& runtime);

// Fills runtime and entrypoint from the files in spec.dir. False when no runtime looks for any of
// them.
bool find_entrypoint(FunctionSpec& spec, const DiscoveryInput& input);

// Fills in the rest, the version included. What is wrong, otherwise.
std::optional<Error> resolve_function(FunctionSpec& spec, Unresolved open,
                                      const DiscoveryInput& input);

}  // namespace trivet::catalog
