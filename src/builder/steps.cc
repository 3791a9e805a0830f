#include "builder/steps.h"

#include <gnu/libc-version.h>
#include <sys/utsname.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "store/tree_hash.h"
#include "wire/text.h"

namespace trivet::builder {
namespace {

namespace fs = std::filesystem;
using catalog::BuildStep;
using catalog::FunctionSpec;
using catalog::RuntimeSpec;
using store::ContentHash;

// A text is looked for in the beginning of a file only: descriptions are small.
constexpr std::streamsize kMentionsWithin = 1 << 20;

bool is_glob(const std::string& name) { return name.find('*') != std::string::npos; }

// A name with a * is any file's directly in the folder.
bool is_there(const fs::path& dir, const std::string& name) {
  std::error_code ec;
  if (!is_glob(name)) return fs::exists(dir / name, ec);
  for (auto it = fs::directory_iterator(dir, ec); !ec && it != fs::directory_iterator{};
       it.increment(ec))
    if (wire::glob_match(name, it->path().filename().string())) return true;
  return false;
}

bool contains(const fs::path& file, const std::string& text) {
  std::ifstream in(file, std::ios::binary);
  std::string bytes(kMentionsWithin, '\0');
  in.read(bytes.data(), kMentionsWithin);
  bytes.resize(static_cast<size_t>(in.gcount()));
  return bytes.find(text) != std::string::npos;
}

bool is_meant_for(const BuildStep& step, const FunctionSpec& spec) {
  bool is_made = spec.build && !spec.build->output.empty();
  const std::string& entrypoint = is_made ? spec.build->output : spec.entrypoint;
  return step.entrypoints.empty() ||
         std::any_of(step.entrypoints.begin(), step.entrypoints.end(),
                     [&](const std::string& ending) { return entrypoint.ends_with(ending); });
}

bool applies(const BuildStep& step, const fs::path& dir) {
  auto here = [&dir](const std::string& name) { return is_there(dir, name); };
  return std::all_of(step.when.begin(), step.when.end(), here) &&
         std::none_of(step.unless.begin(), step.unless.end(), here) &&
         std::all_of(step.mentions.begin(), step.mentions.end(), [&dir](const auto& mention) {
           return contains(dir / mention.first, mention.second);
         });
}

// A lone file with a file beside it that a build names outright (a module's description) belongs to
// the folder.
bool is_all_there_is(const FunctionSpec& spec, const std::vector<std::string>& globs) {
  return spec.lone && std::none_of(globs.begin(), globs.end(), [&](const std::string& glob) {
           return !is_glob(glob) && is_there(spec.dir, glob);
         });
}

// `beside`: files that make a folder of a lone file's surroundings, too.
Status add_source(ContentHash& hash, const FunctionSpec& spec,
                  const std::vector<std::string>& globs, const std::vector<std::string>& beside) {
  return is_all_there_is(spec, globs) && is_all_there_is(spec, beside)
             ? hash.add_file(spec.manifest)
             : hash.add_tree(spec.dir, globs);
}

// What programs run here and on any machine that says the same: artifacts go from one to another.
std::string machine() {
  utsname name{};
  uname(&name);
  std::string out = std::string{name.machine} + " glibc " + gnu_get_libc_version();
  std::ifstream in("/etc/os-release");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("ID=") || line.starts_with("VERSION_ID=")) out += " " + line;
  return out;
}

// What every step of every function of a runtime depends on.
Result<std::string> runtime_key(const RuntimeSpec& runtime) {
  ContentHash hash;
  hash.add("machine", machine());
  hash.add("runtime", runtime.name);
  hash.add("toolchain", runtime.version);
  if (Status s = hash.add_tree(runtime.dir, {}); !s) return s.error();
  for (const auto& shared : runtime.shares)
    if (Status s = hash.add_tree(runtime.dir.parent_path() / shared, {}); !s) return s.error();
  return hash.hex();
}

void add_command_of_manifest(ContentHash& hash, const FunctionSpec& spec) {
  if (!spec.build) return;
  hash.add("command", spec.build->command);
  for (const auto& arg : spec.build->args) hash.add("arg", arg);
}

// The command's words without the places of this machine: those do not change what is made.
std::vector<std::string> words_that_matter(const FunctionSpec& spec, const BuildStep& step,
                                           const std::string& entrypoint) {
  catalog::Words words{"${binary}",
                       "${runtime}",
                       "${runtimes}",
                       entrypoint,
                       "${source}",
                       "${output}",
                       spec.handler,
                       spec.interface,
                       spec.lone ? "yes" : "no",
                       "${cache}",
                       spec.build ? "yes" : "no"};
  return catalog::expand(step.command, words);
}

}  // namespace

std::vector<const BuildStep*> steps_for(const FunctionSpec& spec, const RuntimeSpec& runtime) {
  std::vector<const BuildStep*> out;
  std::set<std::string> chosen;  // groups
  for (const auto& step : runtime.build_steps) {
    if (chosen.contains(step.group) || !is_meant_for(step, spec) || !applies(step, spec.dir))
      continue;
    if (!step.group.empty()) chosen.insert(step.group);
    out.push_back(&step);
  }
  return out;
}

bool runs_in_step(const FunctionSpec& spec, const RuntimeSpec& runtime) {
  auto steps = steps_for(spec, runtime);
  return spec.build && std::any_of(steps.begin(), steps.end(),
                                   [](const BuildStep* step) { return step->runs_command; });
}

Result<std::vector<Step>> plan_steps(const FunctionSpec& spec, const RuntimeSpec& runtime,
                                     const std::string& entrypoint) {
  std::vector<Step> out;
  auto common = runtime_key(runtime);
  if (!common) return std::move(common).error();
  bool in_step = runs_in_step(spec, runtime);  // then only that step's output depends on it
  for (const BuildStep* step : steps_for(spec, runtime)) {
    ContentHash hash;
    hash.add("common", *common);
    hash.add("before", out.empty() ? "" : out.back().key);
    hash.add("step", step->name);
    for (const auto& word : words_that_matter(spec, *step, entrypoint)) hash.add("word", word);
    if (step->runs_command || !in_step) add_command_of_manifest(hash, spec);
    hash.add("lone", spec.lone ? "yes" : "no");
    const auto& globs = step->inputs.empty() ? runtime.build_inputs : step->inputs;
    if (Status s = add_source(hash, spec, globs, step->when); !s) return s.error();
    out.push_back({step->name, step->command, hash.hex(), spec.build && step->runs_command});
  }
  return out;
}

Result<std::string> prepare_key(const RuntimeSpec& runtime) {
  auto common = runtime_key(runtime);
  if (!common) return std::move(common).error();
  ContentHash hash;
  hash.add("common", *common);
  hash.add("binary", runtime.binary);
  for (const auto& word : runtime.prepare_command) hash.add("word", word);
  return hash.hex();
}

Result<std::string> command_key(const FunctionSpec& spec, const RuntimeSpec& runtime) {
  auto common = runtime_key(runtime);
  if (!common) return std::move(common).error();
  ContentHash hash;
  hash.add("common", *common);
  for (const std::string* part : {&spec.entrypoint, &spec.handler, &spec.interface})
    hash.add("part", *part);
  add_command_of_manifest(hash, spec);
  if (Status s = add_source(hash, spec, spec.build->watch, {}); !s) return s.error();
  return hash.hex();
}

}  // namespace trivet::builder
