#include "catalog/resolve.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "catalog/confinement.h"
#include "sandbox/net_rule.h"
#include "wire/text.h"

namespace trivet::catalog {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kStdio = "stdio";
constexpr std::string_view kModule = "module";  // calls name files, no file is the entrypoint
constexpr size_t kFilesMost =
    20'000;  // looked at for a version; a larger tree changes its version only by what was seen

Error wrong(std::string what, std::string hint = {}) {
  return {ErrorCode::kInvalidManifest, std::move(what), std::move(hint)};
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

// Any file of the runtime's: what a folder of modules has in place of an entrypoint.
std::string first_source(const fs::path& dir, const RuntimeSpec& runtime) {
  std::string first;
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(dir, ec)) {
    std::string name = entry.path().filename().string(), extension = entry.path().extension();
    bool ours =
        claims(runtime, entry.path()) ||
        std::any_of(runtime.entrypoints.begin(), runtime.entrypoints.end(),
                    [&](const std::string& e) { return fs::path{e}.extension() == extension; });
    if (ours && !extension.empty() && (first.empty() || name < first)) first = name;
  }
  return first;
}

// The runtime that a source file belongs to: the one of highest priority whose toolchain is there,
// else of highest priority.
RuntimePtr runtime_for(const fs::path& file, const DiscoveryInput& input) {
  std::vector<RuntimePtr> claimants;
  for (const auto& [name, runtime] : input.runtimes)
    if (claims(*runtime, file)) claimants.push_back(runtime);
  std::stable_sort(claimants.begin(), claimants.end(),
                   [](const auto& a, const auto& b) { return a->priority > b->priority; });
  if (claimants.size() > 1)
    for (const auto& runtime : claimants)
      if (input.probed(runtime)->available()) return runtime;
  return claimants.empty() ? nullptr : claimants.front();
}

std::optional<Error> apply_overrides(FunctionSpec& spec, Unresolved& open,
                                     const DiscoveryInput& input) {
  for (const auto& [key, value] : input.overrides) {
    if (key == "interface") {
      spec.interface = value;
    } else if (key == "runtime") {
      choose_runtime(value, spec);
    } else if (key == "mode") {
      if (value != "pool" && value != "oneshot")
        return wrong("mode must be pool or oneshot, not \"" + value + "\"");
      spec.mode = value == "pool" ? Mode::kPool : Mode::kOneshot;
      open.mode_given = true;
    } else if (key == "timeout") {
      auto timeout = wire::parse_duration(value);
      if (!timeout || *timeout <= Duration::zero())
        return wrong("timeout: \"" + value + "\" is not a duration", "write it like 30s");
      spec.limits.timeout = *timeout;
    }
  }
  return std::nullopt;
}

// The newest that fits what is asked for; without a range the default. What is missing altogether
// is said to those who call.
Result<RuntimePtr> choose_version(const FunctionSpec& spec, const RuntimePtr& first,
                                  const DiscoveryInput& input) {
  if (spec.runtime_version.empty()) return first;
  std::string have;
  for (bool again : {false, true}) {
    std::vector<RuntimePtr> there = input.others(first, again);
    if (first->available()) there.insert(there.begin(), first);
    have.clear();
    RuntimePtr best;
    for (const auto& runtime : there) {
      have += (have.empty() ? "" : ", ") + runtime->version + " (" + runtime->binary + ")";
      bool fits = version_satisfies(runtime->version, spec.runtime_version);
      if (fits && (!best || version_newer(runtime->version, best->version))) best = runtime;
    }
    if (best) return best;
  }
  if (have.empty()) return first;
  std::vector<std::string> places = expand(first->binary_candidates, folders_of(*first));
  for (auto& glob : expand(first->binary_versions, folders_of(*first))) places.push_back(glob);
  return Error{ErrorCode::kRuntimeNotAvailable,
               "no " + spec.runtime + " here is " + spec.runtime_version + "; there is " + have,
               "install one that does, so that it is found as " + joined(places) + " (" +
                   first->install + " installs the usual one), or ask for another"};
}

std::optional<Error> resolve_runtime(FunctionSpec& spec, RuntimePtr& runtime,
                                     const DiscoveryInput& input) {
  if (spec.entrypoint.empty() && spec.build) spec.entrypoint = spec.build->output;
  if (spec.runtime.empty()) {
    if (spec.entrypoint.empty() && !find_entrypoint(spec, input))
      return wrong("neither runtime nor entrypoint is given, and " + spec.dir.string() +
                       " has no file that says it",
                   "write runtime: and entrypoint:");
    RuntimePtr claimant =
        spec.runtime.empty() ? runtime_for(spec.dir / spec.entrypoint, input) : nullptr;
    if (spec.runtime.empty() && !claimant)
      return wrong("no runtime runs " + spec.entrypoint,
                   "write runtime:, or rename the file; `trivet runtimes` lists them");
    if (claimant) spec.runtime = claimant->name;
  }
  auto found = input.runtimes.find(spec.runtime);
  if (found == input.runtimes.end()) {
    std::vector<std::string> names;
    for (const auto& [name, known] : input.runtimes) names.push_back(name);
    std::string near = wire::nearest(spec.runtime, names);
    return wrong("there is no runtime \"" + spec.runtime + "\"",
                 near.empty() ? "runtimes are " + joined(names) : "did you mean \"" + near + "\"?");
  }
  auto chosen = choose_version(spec, input.probed(found->second), input);
  if (!chosen) return std::move(chosen).error();
  runtime = std::move(*chosen);
  spec.runtime_key = runtime->name;
  if (spec.entrypoint.empty()) {
    std::error_code ec;
    for (const auto& name : runtime->entrypoints)
      if (fs::is_regular_file(spec.dir / name, ec)) {
        spec.entrypoint = name;
        break;
      }
    if (spec.entrypoint.empty() && spec.interface == kModule)
      spec.entrypoint = first_source(spec.dir, *runtime);
    if (spec.entrypoint.empty() && spec.interface == kModule)
      return wrong(spec.dir.string() + " has no file that ends with " + joined(runtime->extensions),
                   "name the folder that holds the modules");
    if (spec.entrypoint.empty() && runtime->entrypoints.empty())
      return wrong("runtime " + spec.runtime + " needs to be told the entrypoint",
                   "write entrypoint:");
    if (spec.entrypoint.empty())
      return wrong(spec.dir.string() + " has none of " + joined(runtime->entrypoints),
                   "write entrypoint:");
  }
  return std::nullopt;
}

std::optional<Error> resolve_interface(FunctionSpec& spec, Unresolved open,
                                       const RuntimeSpec& runtime) {
  if (spec.interface.empty()) spec.interface = runtime.interfaces.front();
  if (!runtime.offers(spec.interface)) {
    std::string near = wire::nearest(spec.interface, runtime.interfaces);
    return wrong("runtime " + runtime.name + " has no interface \"" + spec.interface +
                     "\"; it has " + joined(runtime.interfaces),
                 near.empty() ? "" : "did you mean \"" + near + "\"?");
  }
  bool stdio = spec.interface == kStdio;
  if (stdio && open.mode_given && spec.mode == Mode::kPool)
    return wrong("interface stdio is one process per call",
                 "write mode: oneshot, or take mode out");
  if (stdio) spec.mode = Mode::kOneshot;
  if (runtime.command_of(spec.interface).empty())
    return wrong("runtime " + runtime.name + " has no command for interface " + spec.interface);
  return std::nullopt;
}

// Of a runtime whose command is the entrypoint itself.
std::optional<Error> check_executable(const FunctionSpec& spec, const RuntimeSpec& runtime) {
  const auto& command = runtime.command_of(spec.interface);
  bool runs_itself = command.front().find("${entrypoint}") != std::string::npos;
  std::string file = (spec.dir / spec.entrypoint).string();
  if (!runs_itself || access(file.c_str(), X_OK) == 0) return std::nullopt;
  return wrong("the entrypoint " + file + " is not executable", "chmod +x " + file);
}

class Fingerprint {
 public:
  void add(std::string_view text) {
    for (unsigned char c : text) hash_ = (hash_ ^ c) * 1099511628211ULL;  // FNV-1a
    hash_ = (hash_ ^ 0xFF) * 1099511628211ULL;
  }
  void add_file(const fs::path& file) {
    struct stat st {};
    if (stat(file.c_str(), &st) != 0) return;
    add(file.string());
    add(std::to_string(st.st_mtim.tv_sec) + "." + std::to_string(st.st_mtim.tv_nsec) + "/" +
        std::to_string(st.st_size) + "/" + std::to_string(st.st_ino));
  }
  // Of a function with a build: what its globs name, never what it makes.
  void add_tree(const fs::path& dir, const std::optional<Build>& build = std::nullopt) {
    std::vector<fs::path> files;
    std::error_code ec;
    for (auto it = fs::recursive_directory_iterator(
             dir, fs::directory_options::skip_permission_denied, ec);
         !ec && it != fs::recursive_directory_iterator{} && files.size() < kFilesMost;
         it.increment(ec)) {
      std::string name = it->path().filename().string();
      if (wire::is_no_source(name)) {
        if (it->is_directory(ec)) it.disable_recursion_pending();
        continue;
      }
      if (it->is_regular_file(ec)) files.push_back(it->path());
    }
    std::sort(files.begin(), files.end());
    for (const auto& file : files) {
      std::string relative = file.lexically_relative(dir).string();
      bool made = build && relative == build->output;
      bool unwatched =
          build && !build->watch.empty() &&
          std::none_of(build->watch.begin(), build->watch.end(),
                       [&](const auto& glob) { return wire::glob_match(glob, relative); });
      if (!made && !unwatched) add_file(file);
    }
  }
  std::string hex() const {
    char text[20];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash_));
    return text;
  }

 private:
  uint64_t hash_ = 14695981039346656037ULL;
};

// A lone file may import what lies directly beside it. Looked at once for all that share a folder.
const std::string& sources_beside(const FunctionSpec& spec, const RuntimeSpec& runtime,
                                  const DiscoveryInput& input) {
  auto [slot, is_new] = input.beside.try_emplace({spec.dir, runtime.name});
  if (!is_new) return slot->second;
  Fingerprint print;
  for (const auto& file : sources_of_lone(spec, runtime)) print.add_file(file);
  return slot->second = print.hex();
}

// The runtime's own files. Looked at once for all its functions.
const std::string& shim_of(const RuntimeSpec& runtime, const DiscoveryInput& input) {
  auto [slot, is_new] = input.shims.try_emplace(runtime.dir);
  if (is_new) {
    Fingerprint print;
    print.add_tree(runtime.dir);
    for (const auto& shared : runtime.shares) print.add_tree(runtime.dir.parent_path() / shared);
    slot->second = print.hex();
  }
  return slot->second;
}

// What workers may do and use, the operator's level included.
void add_policy(const FunctionSpec& spec, Fingerprint& print) {
  const auto& policy = spec.policy;
  const auto& most = policy.limits;
  print.add(sandbox::name(policy.level));
  for (int64_t number :
       {most.memory_bytes, int64_t{most.cpu_percent}, int64_t{most.pids}, int64_t{most.files},
        most.disk_bytes, static_cast<int64_t>(spec.limits.log_bytes_per_second)})
    print.add(std::to_string(number));
  for (const auto& bind : policy.binds) print.add((bind.writable ? "rw " : "ro ") + bind.path);
  for (const auto& rule : policy.net) print.add(sandbox::text(rule));
}

std::string version_of(const FunctionSpec& spec, const RuntimeSpec& runtime,
                       const DiscoveryInput& input) {
  Fingerprint print;
  for (const std::string* part : {&spec.name, &spec.runtime_key, &spec.entrypoint, &spec.handler,
                                  &spec.interface, &runtime.version, &runtime.binary})
    print.add(*part);
  print.add(wire::format_duration(spec.limits.timeout));
  print.add(spec.mode == Mode::kPool ? "pool" : "oneshot");
  for (const auto& [key, value] : spec.env) print.add(key + "=" + value);
  add_policy(spec, print);
  print.add_file(spec.manifest);
  print.add(shim_of(runtime, input));
  if (spec.lone)
    print.add(sources_beside(spec, runtime, input));
  else
    print.add_tree(spec.dir, spec.build);
  return print.hex();
}

}  // namespace

bool claims(const RuntimeSpec& runtime, const fs::path& file) {
  std::string extension = file.extension().string();
  return !extension.empty() && std::find(runtime.extensions.begin(), runtime.extensions.end(),
                                         extension) != runtime.extensions.end();
}

std::vector<fs::path> sources_of_lone(const FunctionSpec& spec, const RuntimeSpec& runtime) {
  std::set<fs::path> files{spec.dir / spec.entrypoint};
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(spec.dir, ec))
    if (claims(runtime, entry.path()) && !wire::is_no_source(entry.path().filename().string()))
      files.insert(entry.path());
  return {files.begin(), files.end()};
}

bool find_entrypoint(FunctionSpec& spec, const DiscoveryInput& input) {
  std::vector<RuntimePtr> by_priority;
  for (const auto& [name, runtime] : input.runtimes) by_priority.push_back(runtime);
  std::stable_sort(by_priority.begin(), by_priority.end(),
                   [](const auto& a, const auto& b) { return a->priority > b->priority; });
  std::error_code ec;
  for (const auto& runtime : by_priority)
    for (const auto& name : runtime->entrypoints)
      if (fs::is_regular_file(spec.dir / name, ec)) {
        spec.entrypoint = name;
        return true;  // the runtime is chosen by extension, among those whose toolchain is there
      }
  return false;
}

std::optional<Error> resolve_function(FunctionSpec& spec, Unresolved open,
                                      const DiscoveryInput& input) {
  if (auto error = apply_overrides(spec, open, input)) return error;
  if (!wire::is_function_name(spec.name))
    return wrong("\"" + spec.name + "\" is not a name for a function",
                 "names are a-z, 0-9, _ and -, start with a letter and have at most 63 characters");
  std::error_code ec;
  if (!fs::is_directory(spec.dir, ec))
    return wrong("the folder " + spec.dir.string() + " does not exist");
  RuntimePtr runtime;
  if (auto error = resolve_runtime(spec, runtime, input)) return error;
  if (auto error = resolve_interface(spec, open, *runtime)) return error;
  bool comes_from_build = spec.build && !spec.build->output.empty();
  if (!fs::is_regular_file(spec.dir / spec.entrypoint, ec) && !comes_from_build)
    return wrong("the entrypoint " + (spec.dir / spec.entrypoint).string() + " does not exist",
                 "create it, or correct entrypoint:");
  if (!comes_from_build)
    if (auto error = check_executable(spec, *runtime)) return error;
  if (auto error = settle_level(spec, input.floor)) return error;
  spec.version = version_of(spec, *runtime, input);
  return std::nullopt;
}

}  // namespace trivet::catalog
