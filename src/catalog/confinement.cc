#include "catalog/confinement.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "sandbox/net_rule.h"
#include "wire/text.h"

namespace trivet::catalog {
namespace {

namespace fs = std::filesystem;
using sandbox::Level;

constexpr std::string_view kNone = "none";

bool lifted(Reader& r, std::string_view key) {
  const YamlNode* node = r.node().find(key);
  return node && node->is_scalar() && node->text == kNone && r.take(key);
}

template <class T>
void read_size(Reader& r, std::string_view key, T& target, size_t least, size_t most,
               size_t bare_unit = 1) {
  if (lifted(r, key)) {
    target = 0;
    return;
  }
  size_t bytes = static_cast<size_t>(target);
  r.size(key, bytes, least, most, bare_unit);
  target = static_cast<T>(bytes);
}

void read_count(Reader& r, std::string_view key, int& target, int least, int most) {
  if (lifted(r, key))
    target = 0;
  else
    r.integer(key, target, least, most);
}

// "1.5" processors, or "150%" of one.
void read_cpu(Reader& r, int& percent) {
  if (lifted(r, "cpu")) {
    percent = 0;
    return;
  }
  const YamlNode* node = r.take("cpu");
  if (!node) return;
  std::string_view text = node->text;
  bool in_percent = text.ends_with('%');
  if (in_percent) text.remove_suffix(1);
  double value = 0;
  auto [end, failed] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (!in_percent) value *= 100;
  bool is_number = node->is_scalar() && failed == std::errc{} && end == text.data() + text.size();
  if (!is_number || !(value >= 1 && value <= limits::kCpuPercentMax))
    return r.fail(*node,
                  "limits.cpu must be from 0.01 to " +
                      std::to_string(limits::kCpuPercentMax / 100) + " processors" +
                      (node->is_scalar() ? ", not \"" + node->text + "\"" : ""),
                  "write it like 1.5 or 150%");
  percent = static_cast<int>(std::lround(value));
}

std::vector<const YamlNode*> items_of(Reader& r, std::string_view key, size_t most) {
  std::vector<const YamlNode*> items;
  const YamlNode* node = r.take(key);
  if (!node) return items;
  std::string name = "sandbox." + std::string{key};
  if (node->is_map()) {
    r.fail(*node, name + " must be a list, not a map");
  } else if (node->is_list()) {
    for (const auto& item : node->items) items.push_back(&item);
  } else {
    items.push_back(node);
  }
  if (items.size() > most)
    r.fail(*node, name + " has " + std::to_string(items.size()) + " entries, and " +
                      std::to_string(most) + " is the most");
  for (const YamlNode* item : items)
    if (!item->is_scalar()) r.fail(*item, "each item of " + name + " must be text");
  return items;
}

bool is_at_or_below(const fs::path& path, const fs::path& tree) {
  auto [a, b] = std::mismatch(path.begin(), path.end(), tree.begin(), tree.end());
  return b == tree.end();
}

fs::path without_slash(fs::path path) {
  return path.has_filename() || path == "/" ? path : path.parent_path();
}

// Why no function may be shown that path, whoever asks for it.
std::string why_hidden(const fs::path& path, const fs::path& data_dir) {
  if (path == "/") return "is all of this machine";
  for (const char* tree : {"/proc", "/sys", "/dev"})
    if (is_at_or_below(path, tree)) return std::string{"belongs to the system: "} + tree;
  if (data_dir.empty()) return {};
  if (is_at_or_below(path, data_dir)) return "is in trivet's own folder, " + data_dir.string();
  if (is_at_or_below(data_dir, path)) return "holds trivet's own folder, " + data_dir.string();
  return {};
}

void read_paths(Reader& r, const char* key, const ManifestContext& context,
                std::map<std::string, bool>& writable) {
  auto items = items_of(r, key, limits::kBindsMax);
  for (const YamlNode* item : items) {
    if (r.failed()) return;
    auto refuse = [&](const std::string& what, std::string hint) {
      r.fail(*item, std::string{"sandbox."} + key + ": \"" + item->text + "\" " + what,
             std::move(hint));
    };
    if (!item->text.starts_with('/') || item->text.find('\0') != std::string::npos)
      return refuse("is not an absolute path", "write it like /srv/data");
    fs::path given{item->text};
    for (const auto& part : given)
      if (part == "..") return refuse("has .. in it", "write the path that is meant");
    fs::path path = without_slash(given.lexically_normal());
    std::error_code ec;
    fs::path real = fs::canonical(path, ec);
    if (ec)
      return refuse(ec == std::errc::permission_denied ? "cannot be looked at" : "does not exist",
                    std::string{"create it, or take it out of sandbox."} + key);
    fs::path own = without_slash(context.data_dir.lexically_normal());
    fs::path own_real = fs::weakly_canonical(own, ec);
    for (const auto& [seen, hidden] : {std::pair{path, own}, {real, own_real}})
      if (auto why = why_hidden(seen, hidden); !why.empty())
        return refuse((seen == path ? "" : "leads to " + seen.string() + ", which ") + why,
                      "name the folders in it that the function needs, and no more");
    writable[path.string()] |= std::string_view{key} == "write";
  }
}

void read_net(Reader& r, std::vector<sandbox::NetRule>& net) {
  for (const YamlNode* item : items_of(r, "net", limits::kNetRulesMax)) {
    if (r.failed()) return;
    auto rule = sandbox::parse_net_rule(item->text);
    if (!rule) return r.fail(*item, "sandbox.net: " + rule.error().message, rule.error().hint);
    if (std::find(net.begin(), net.end(), *rule) == net.end()) net.push_back(std::move(*rule));
  }
}

// Nobody is to believe that a list holds where nothing confines.
void check_lists(Reader& r, const FunctionSpec& spec) {
  if (r.failed() || !spec.level_given || spec.policy.level >= Level::kSandbox) return;
  for (const char* key : {"net", "read", "write"})
    if (const YamlNode* node = r.node().find(key))
      return r.fail(*node,
                    std::string{"sandbox."} + key + " has no meaning at level " +
                        std::string{sandbox::name(spec.policy.level)} +
                        ", which confines neither network nor files",
                    "take it out, or write level: sandbox");
}

}  // namespace

void read_sandbox(Reader& reader, const ManifestContext& context, FunctionSpec& spec) {
  reader.map("sandbox", [&](Reader& r) {
    std::vector<std::string> levels;
    for (Level level : {Level::kTrusted, Level::kProcess, Level::kSandbox, Level::kStrict})
      levels.emplace_back(sandbox::name(level));
    if (auto level = r.choice("level", levels)) {
      spec.policy.level = static_cast<Level>(*level);
      spec.level_given = true;
    }
    read_net(r, spec.policy.net);
    std::map<std::string, bool> writable;  // in order: what holds a path comes before it
    read_paths(r, "read", context, writable);
    read_paths(r, "write", context, writable);
    for (const auto& [path, may_write] : writable) spec.policy.binds.push_back({path, may_write});
    check_lists(r, spec);
  });
}

void read_memory(Reader& reader, FunctionSpec& spec, size_t bare_unit) {
  sandbox::Limits& of_worker = spec.policy.limits;
  const YamlNode* given = reader.node().find("memory");
  read_size(reader, "memory", of_worker.memory_bytes, limits::kMemoryLeast, limits::kMemoryMax,
            bare_unit);
  of_worker.memory_is_asked =
      given && given->kind != YamlNode::Kind::kNull && of_worker.memory_bytes != 0;
}

void read_worker_limits(Reader& r, FunctionSpec& spec) {
  sandbox::Limits& of_worker = spec.policy.limits;
  read_memory(r, spec, 1);
  read_cpu(r, of_worker.cpu_percent);
  read_count(r, "pids", of_worker.pids, 1, limits::kPidsMax);
  read_count(r, "files", of_worker.files, limits::kFilesLeast, limits::kFilesMax);
  read_size(r, "disk", of_worker.disk_bytes, limits::kDiskLeast, limits::kDiskMax);
  read_size(r, "logs", spec.limits.log_bytes_per_second, limits::kLogRateLeast,
            limits::kLogRateMax);
}

std::optional<Error> settle_level(FunctionSpec& spec, Level floor) {
  if (!spec.level_given) spec.policy.level = floor;
  if (spec.policy.level >= floor) return std::nullopt;
  std::string own{sandbox::name(spec.policy.level)}, least{sandbox::name(floor)};
  return Error{ErrorCode::kInvalidManifest,
               "function " + spec.name + " asks for sandbox level " + own +
                   ", and this trivet allows none below " + least,
               "write sandbox: {level: " + least + "} in the manifest, or start trivet with " +
                   "--sandbox " + own};
}

int64_t heap_mib(const sandbox::Policy& policy) {
  bool is_limited = policy.level >= Level::kSandbox && policy.limits.memory_bytes > 0;
  int64_t bytes = is_limited ? policy.limits.memory_bytes
                             : static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) *
                                   static_cast<int64_t>(sysconf(_SC_PAGESIZE));
  return std::max<int64_t>(bytes / 4 * 3 / static_cast<int64_t>(limits::kMiB), 1);
}

std::vector<Weakening> weakenings(const FunctionSpec& spec) {
  constexpr std::string_view kManifest = "manifest", kOperator = "operator";
  std::vector<Weakening> out;
  const auto& policy = spec.policy;
  if (policy.level < Level::kSandbox)
    out.push_back({"level " + std::string{sandbox::name(policy.level)},
                   spec.level_given ? kManifest : kOperator});
  for (const auto& rule : policy.net) out.push_back({"net " + sandbox::text(rule), kManifest});
  for (const auto& bind : policy.binds)
    out.push_back({(bind.writable ? "write " : "read ") + bind.path, kManifest});
  const std::pair<const char*, bool> lifts[] = {{"memory", policy.limits.memory_bytes == 0},
                                                {"pids", policy.limits.pids == 0},
                                                {"files", policy.limits.files == 0},
                                                {"disk", policy.limits.disk_bytes == 0},
                                                {"logs", spec.limits.log_bytes_per_second == 0}};
  for (auto [limit, is_lifted] : lifts)
    if (is_lifted) out.push_back({std::string{limit} + " none", kManifest});
  return out;
}

std::vector<Weakening> weakenings_by_machine(const FunctionSpec& spec,
                                             const std::vector<sandbox::Layer>& layers) {
  std::vector<Weakening> out;
  const auto& limits = spec.policy.limits;
  for (const auto& layer : layers) {
    bool is_left_out = layer.name == "memory-limit" && !layer.is_active &&
                       spec.policy.level >= layer.from && limits.memory_bytes != 0 &&
                       !limits.memory_is_asked;
    if (is_left_out) out.push_back({layer.name + ": " + layer.why, "machine"});
  }
  return out;
}

bool needs(const FunctionSpec& spec, const sandbox::Layer& layer) {
  return spec.policy.level >= layer.from &&
         (layer.is_needed || sandbox::is_asked(spec.policy.limits, layer.name));
}

}  // namespace trivet::catalog
