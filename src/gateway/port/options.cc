// A pool's options.
#include <algorithm>
#include <filesystem>
#include <map>

#include "catalog/confinement.h"
#include "catalog/manifest.h"
#include "gateway/port/request.h"
#include "wire/text.h"

namespace trivet::gateway {
namespace {

using catalog::FunctionSpec;
using wire::Term;

constexpr int64_t kQueueOfPool = 10'000;
constexpr int64_t kMsMost = int64_t{366} * 24 * 3600 * 1000;

Error wrong(const std::string& name, const std::string& what) {
  return {ErrorCode::kInvalidRequest, "the option " + name + " must be " + what};
}

using Pairs = std::vector<std::pair<Term, Term>>;

// The pairs of a map or of a list of pairs, where an atom alone is {Atom, true}.
std::optional<Pairs> pairs_of(const Term& term) {
  if (const auto* map = term.as<wire::Map>()) return map->members;
  const auto* list = term.as<wire::List>();
  if (!list || !list->tail.empty()) return std::nullopt;
  Pairs pairs;
  for (const auto& item : list->items) {
    const auto* tuple = item.as<wire::Tuple>();
    if (item.as<wire::Atom>())
      pairs.emplace_back(item, wire::Atom{"true"});
    else if (tuple && tuple->items.size() == 2)
      pairs.emplace_back(tuple->items[0], tuple->items[1]);
    else
      return std::nullopt;
  }
  return pairs;
}

struct Option {
  const char* name;
  int64_t least, most;
  void (*set)(FunctionSpec&, int64_t);
};
using std::chrono::milliseconds;
const Option kNumbers[] = {
    {"pool_size", 1, 1000,
     [](FunctionSpec& spec, int64_t n) { spec.scale.min = spec.scale.max = static_cast<int>(n); }},
    {"overflow", 0, 1000,
     [](FunctionSpec& spec, int64_t n) { spec.scale.overflow = static_cast<int>(n); }},
    {"concurrency", 1, limits::kConcurrencyMax,
     [](FunctionSpec& spec, int64_t n) { spec.scale.concurrency = static_cast<int>(n); }},
    {"queue", 0, limits::kQueueMax,
     [](FunctionSpec& spec, int64_t n) { spec.scale.queue = static_cast<int>(n); }},
    {"worker_timeout_ms", 1, milliseconds{limits::kTimeoutMax}.count(),
     [](FunctionSpec& spec, int64_t n) { spec.limits.timeout = milliseconds{n}; }},
    {"start_timeout_ms", 1, milliseconds{limits::kTimeoutMax}.count(),
     [](FunctionSpec& spec, int64_t n) { spec.limits.start_timeout = milliseconds{n}; }},
    {"max_calls_per_worker", 0, int64_t{1} << 40,
     [](FunctionSpec& spec, int64_t n) { spec.restart.max_calls = n; }},
    {"max_worker_age_ms", 0, kMsMost,
     [](FunctionSpec& spec, int64_t n) { spec.restart.max_age = milliseconds{n}; }},
    {"max_payload", 1, static_cast<int64_t>(limits::kPortPacketMax),
     [](FunctionSpec& spec, int64_t n) { spec.limits.payload_bytes = static_cast<size_t>(n); }},
};
// All of them name the folder that holds the modules; so does RUNTIME_path.
constexpr const char* kFolders[] = {"path", "dir"};

Status set_number(FunctionSpec& spec, const Option& option, const Term& value) {
  bool none = value.is_atom("infinity") || value.is_atom("undefined");
  if (none && option.least == 0) return option.set(spec, 0), Status{};
  const auto* n = value.as<int64_t>();
  if (!n || *n < option.least || *n > option.most)
    return wrong(option.name, "a number from " + std::to_string(option.least) + " to " +
                                  std::to_string(option.most));
  option.set(spec, *n);
  return {};
}

Status set_env(FunctionSpec& spec, const Term& value) {
  auto pairs = pairs_of(value);
  if (!pairs) return wrong("env", "a map or a list of pairs");
  for (const auto& [key, text] : *pairs) {
    auto name = wire::term_text(key), content = wire::term_text(text);
    bool named = name && !name->empty() && name->find_first_of(std::string("=\0", 2)) == name->npos;
    if (!named || !content || content->find('\0') != content->npos)
      return wrong("env", "made of names and texts");
    spec.env[*name] = *content;
  }
  return {};
}

// As it would stand in a manifest.
catalog::YamlNode node_of(const Term& term) {
  catalog::YamlNode node;
  const auto* list = term.as<wire::List>();
  bool is_empty = list && list->items.empty();
  if (const auto* number = term.as<int64_t>()) {
    node.kind = catalog::YamlNode::Kind::kScalar;
    node.text = std::to_string(*number);
  } else if (auto text = wire::term_text(term); text && !is_empty) {
    node.kind = catalog::YamlNode::Kind::kScalar;
    node.text = *text;
  } else if (auto pairs = pairs_of(term); pairs && !is_empty) {
    node.kind = catalog::YamlNode::Kind::kMap;
    for (const auto& [key, value] : *pairs) node.members.push_back({node_of(key), node_of(value)});
  } else if (list) {
    node.kind = catalog::YamlNode::Kind::kList;
    for (const auto& item : list->items) node.items.push_back(node_of(item));
  }
  return node;
}

// `sandbox` and `limits` mean what they mean in a manifest.
Status set_confinement(FunctionSpec& spec, const std::string& name, const Term& value) {
  static const std::map<std::string, std::string> kNoEnvironment;
  catalog::YamlTree tree;
  tree.root = node_of(wire::Map{{{wire::Atom{name}, value}}});
  catalog::Reader reader{tree, tree.root, ""};
  if (name == "sandbox")
    catalog::read_sandbox(reader, {spec.dir, kNoEnvironment}, spec);
  else
    reader.map(name, [&spec](catalog::Reader& r) { catalog::read_worker_limits(r, spec); });
  auto error = reader.finish();
  if (!error) return {};
  return Error{ErrorCode::kInvalidRequest, "the option " + error->message, error->hint};
}

Error unknown(const std::string& name) {
  std::vector<std::string> names{"env", "sandbox", "limits"};
  for (const auto& option : kNumbers) names.emplace_back(option.name);
  for (const char* folder : kFolders) names.emplace_back(folder);
  std::string near = wire::nearest(name, names);
  return {ErrorCode::kInvalidRequest,
          "there is no option " + name + (near.empty() ? "" : ", did you mean " + near + "?")};
}

Status set_option(FunctionSpec& spec, const std::string& name, const Term& value) {
  for (const auto& option : kNumbers)
    if (name == option.name) return set_number(spec, option, value);
  if (name == "env") return set_env(spec, value);
  if (name == "sandbox" || name == "limits") return set_confinement(spec, name, value);
  if (std::find(std::begin(kFolders), std::end(kFolders), name) == std::end(kFolders) &&
      name != spec.runtime + "_path")
    return unknown(name);
  auto text = wire::term_text(value);
  if (!text || text->empty() || text->find('\0') != text->npos) return wrong(name, "a folder");
  spec.dir = *text;
  return {};
}

}  // namespace

Result<FunctionSpec> read_pool_options(const std::string& runtime, const Term& options) {
  auto pairs = pairs_of(options);
  if (!pairs) return Error{ErrorCode::kInvalidRequest, "Options must be a map or a list of pairs"};
  FunctionSpec spec;
  catalog::choose_runtime(runtime, spec);
  spec.interface = "module";
  spec.dir = ".";
  spec.scale.min = spec.scale.max = 2;
  spec.scale.overflow = 0;
  spec.scale.queue = kQueueOfPool;
  spec.scale.start = catalog::StartPolicy::kEager;
  spec.limits.timeout = limits::kTimeoutMax;
  for (const auto& [key, value] : *pairs) {
    auto name = wire::term_text(key);
    if (!name) return Error{ErrorCode::kInvalidRequest, "an option's name must be an atom"};
    if (Status set = set_option(spec, *name, value); !set) return set.error();
  }
  std::error_code ec;
  spec.dir = std::filesystem::absolute(spec.dir, ec).lexically_normal();
  if (!spec.dir.has_filename()) spec.dir = spec.dir.parent_path();
  return spec;
}

}  // namespace trivet::gateway
