// links: catalog
// Manifests out of arbitrary bytes, read in each of the forms that discovery knows: no crash, no
// endless work, and every refusal says where in the file.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "catalog/alyx.h"
#include "catalog/manifest.h"
#include "catalog/yaml_tree.h"

namespace {

using namespace trivet;

const std::map<std::string, std::string> kEnvironment{{"HOME", "/tmp/ada"}, {"EMPTY", ""}};

void check_position(const Error& error) {
  if (!error.message.starts_with("f.yaml:")) {
    std::fprintf(stderr, "%s\n", error.text().c_str());
    std::abort();
  }
}

void read_as_function(const catalog::YamlTree& tree, const catalog::YamlNode& map) {
  catalog::ManifestContext context{"/nowhere", kEnvironment};
  catalog::FunctionSpec spec;
  catalog::Unresolved open;
  auto wrong = catalog::read_function(tree, map, context, spec, open);
  if (wrong) check_position(*wrong);
  catalog::FunctionSpec alyx;
  wrong = catalog::read_alyx_function(tree, map, context, alyx);
  if (wrong) check_position(*wrong);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto tree = catalog::parse_yaml({reinterpret_cast<const char*>(data), size}, "f.yaml");
  if (!tree) {
    check_position(tree.error());
    return 0;
  }
  catalog::looks_like_alyx_manifest(tree->root);
  catalog::looks_like_alyx_schema(tree->root);
  if (!tree->root.is_map()) return 0;
  read_as_function(*tree, tree->root);
  const catalog::YamlNode* functions = tree->root.find("functions");
  if (functions == nullptr) return 0;
  for (const auto& item : functions->items) read_as_function(*tree, item);
  for (const auto& [name, value] : functions->members) read_as_function(*tree, value);
  return 0;
}
