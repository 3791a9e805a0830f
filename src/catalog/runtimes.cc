#include "catalog/runtimes.h"

#include <algorithm>
#include <array>
#include <regex>

#include "catalog/reader.h"
#include "wire/port_protocol.h"

namespace trivet::catalog {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kStdio = "stdio";

const std::vector<std::string>& word_names() {
  static const std::vector<std::string> kNames{"binary", "runtime", "runtimes",    "entrypoint",
                                               "source", "output",  "handler",     "interface",
                                               "lone",   "cache",   "has_command", "memory_mib"};
  return kNames;
}

const std::string& word(const Words& words, size_t index) {
  const std::string* values[] = {&words.binary,     &words.runtime,     &words.runtimes,
                                 &words.entrypoint, &words.source,      &words.output,
                                 &words.handler,    &words.interface,   &words.lone,
                                 &words.cache,      &words.has_command, &words.memory_mib};
  return *values[index];
}

// The first unknown ${word}, empty when all are known.
std::string unknown_word(const std::vector<std::string>& command) {
  for (const auto& part : command)
    for (size_t at = part.find("${"); at != std::string::npos; at = part.find("${", at + 2)) {
      std::string name = part.substr(at + 2, part.find('}', at) - at - 2);
      if (std::find(word_names().begin(), word_names().end(), name) == word_names().end())
        return name;
    }
  return {};
}

void read_command(Reader& reader, std::vector<std::string>& target) {
  reader.texts("command", target);
  if (reader.failed()) return;
  if (target.empty()) return reader.fail(reader.node(), "command is missing");
  if (auto name = unknown_word(target); !name.empty())
    reader.fail(reader.node(), "unknown word ${" + name + "}");
}

void check_words(Reader& reader, const std::string& text) {
  if (auto name = unknown_word({text}); !name.empty())
    reader.fail(reader.node(), "unknown word ${" + name + "}");
}

void read_step(Reader& reader, BuildStep& step) {
  reader.text("name", step.name);
  read_command(reader, step.command);
  reader.text("group", step.group);
  reader.texts("when", step.when);
  reader.texts("unless", step.unless);
  reader.texts("entrypoints", step.entrypoints);
  reader.text_map("mentions", step.mentions);
  reader.texts("inputs", step.inputs);
  reader.boolean("runs_command", step.runs_command);
}

void read_build(Reader& reader, RuntimeSpec& spec) {
  reader.texts("inputs", spec.build_inputs);
  reader.maps("steps",
              [&spec](Reader& r) { read_step(r, spec.build_steps.emplace_back(BuildStep{})); });
  reader.texts("pass", spec.build_passes);
  reader.text("run_in", spec.run_in);
  check_words(reader, spec.run_in);
  reader.text_map("env", spec.build_env);
  for (const auto& variable : spec.build_env) check_words(reader, variable.second);
}

constexpr std::array<std::string_view, 3> kStarts{"exec", "spare", "zygote"};

// A worker that knows nothing of its function yet cannot have it in its command.
void read_start(Reader& reader, RuntimeSpec& spec) {
  auto choice = reader.choice("start", {kStarts.begin(), kStarts.end()});
  if (!choice) return;
  spec.start = static_cast<Start>(*choice);
  if (spec.start == Start::kExec) return;
  for (std::string_view word :
       {"${entrypoint}", "${source}", "${output}", "${handler}", "${interface}"})
    for (const auto& part : spec.pool_command)
      if (part.find(word) != std::string::npos)
        reader.fail(reader.node(), "pool.start is " + std::string{kStarts[*choice]} +
                                       ", so its command cannot use " + std::string{word});
}

void read_toolchain(Reader& r, RuntimeSpec& spec) {
  r.texts("binary", spec.binary_candidates);
  r.texts("versions", spec.binary_versions);
  r.texts("resolve", spec.resolve_args);
  r.map("version", [&spec](Reader& v) {
    v.texts("args", spec.version_args);
    v.text("pattern", spec.version_pattern);
    try {
      std::regex check{spec.version_pattern};
    } catch (const std::regex_error&) {
      v.fail(v.node(), "toolchain.version.pattern is not a regular expression");
    }
  });
  std::vector<std::string> packages;
  r.texts("packages", packages);
  if (!packages.empty()) spec.install = "apt-get install";
  for (const auto& package : packages) spec.install += " " + package;
  r.text("install", spec.install);
  spec.install = expand({spec.install}, folders_of(spec)).front();
  if (!r.failed() && spec.binary_candidates.empty())
    r.fail(r.node(), "toolchain.binary is missing");
}

// A runtime that runs a user's own program per call also runs one that stays.
void add_port_protocols(std::vector<std::string>& interfaces) {
  if (std::find(interfaces.begin(), interfaces.end(), kStdio) == interfaces.end()) return;
  for (const auto& protocol : wire::port_protocols())
    if (std::find(interfaces.begin(), interfaces.end(), protocol.name) == interfaces.end())
      interfaces.emplace_back(protocol.name);
}

}  // namespace

std::string_view name(Start start) { return kStarts[static_cast<size_t>(start)]; }

bool RuntimeSpec::offers(std::string_view interface) const {
  return std::find(interfaces.begin(), interfaces.end(), interface) != interfaces.end();
}

const std::vector<std::string>& RuntimeSpec::command_of(std::string_view interface) const {
  bool own_program = interface == kStdio || wire::find_port_protocol(interface);
  return own_program ? oneshot_command : pool_command;
}

bool RuntimeSpec::needs_memory_at_start() const {
  auto mentions = [](const std::string& text) {
    return text.find("${memory_mib}") != std::string::npos;
  };
  return std::any_of(pool_command.begin(), pool_command.end(), mentions) ||
         std::any_of(env.begin(), env.end(),
                     [&](const auto& variable) { return mentions(variable.second); });
}

bool RuntimeSpec::runs_warm(const std::map<std::string, std::string>& function_env) const {
  auto matters = [this](const auto& variable) {
    return std::any_of(not_warm_with.begin(), not_warm_with.end(),
                       [&](const auto& begin) { return variable.first.rfind(begin, 0) == 0; });
  };
  return warm_oneshot && std::none_of(function_env.begin(), function_env.end(), matters);
}

bool RuntimeSpec::keeps_workers() const {
  return std::any_of(interfaces.begin(), interfaces.end(), [this](const auto& interface) {
    return interface != kStdio && !command_of(interface).empty();
  });
}

bool may_start_blank(const fs::path& dir, const RuntimeSpec& runtime) {
  std::error_code ec;
  for (fs::path place = dir; !runtime.not_blank_with.empty(); place = place.parent_path()) {
    for (const auto& name : runtime.not_blank_with)
      if (fs::exists(place / name, ec)) return false;
    if (place == place.parent_path()) break;
  }
  return true;
}

Words folders_of(const RuntimeSpec& runtime) {
  Words words;
  words.runtime = runtime.dir.string();
  words.runtimes = runtime.dir.parent_path().string();
  return words;
}

std::vector<std::string> expand(const std::vector<std::string>& command, const Words& words) {
  std::vector<std::string> out;
  out.reserve(command.size());
  for (const auto& part : command) {
    std::string text;
    for (size_t i = 0; i < part.size();) {
      size_t end = part.compare(i, 2, "${") == 0 ? part.find('}', i) : std::string::npos;
      if (end == std::string::npos) {
        text.push_back(part[i++]);
        continue;
      }
      auto known =
          std::find(word_names().begin(), word_names().end(), part.substr(i + 2, end - i - 2));
      if (known != word_names().end())
        text += word(words, static_cast<size_t>(known - word_names().begin()));
      i = end + 1;
    }
    out.push_back(std::move(text));
  }
  return out;
}

std::map<std::string, std::string> expand(std::map<std::string, std::string> env,
                                          const Words& words) {
  for (auto& [name, value] : env) value = expand({value}, words).front();
  return env;
}

Result<RuntimeSpec> read_runtime(const fs::path& dir) {
  auto tree = read_yaml(dir / "runtime.yaml");
  if (!tree) return std::move(tree).error();
  RuntimeSpec spec;
  spec.dir = dir;
  Reader reader{*tree, tree->root, ""};
  reader.text("name", spec.name);
  reader.text("title", spec.title);
  reader.texts("shares", spec.shares);
  reader.texts("reads", spec.reads);
  reader.texts("extensions", spec.extensions);
  reader.integer("priority", spec.priority, 0, 1000);
  reader.texts("entrypoints", spec.entrypoints);
  reader.map("toolchain", [&spec](Reader& r) { read_toolchain(r, spec); });
  reader.text("untested", spec.untested);
  reader.texts("interfaces", spec.interfaces);
  add_port_protocols(spec.interfaces);
  reader.integer("concurrency", spec.concurrency, 0, 100'000);
  reader.map("pool", [&spec](Reader& r) {
    read_command(r, spec.pool_command);
    read_start(r, spec);
    r.texts("not_blank_with", spec.not_blank_with);
  });
  reader.map("oneshot", [&spec](Reader& r) {
    read_command(r, spec.oneshot_command);
    r.boolean("warm", spec.warm_oneshot);
    r.texts("not_warm_with", spec.not_warm_with);
  });
  reader.map("prepare", [&spec](Reader& r) { read_command(r, spec.prepare_command); });
  reader.text_map("env", spec.env);
  for (const auto& variable : spec.env) check_words(reader, variable.second);
  reader.map("build", [&spec](Reader& r) { read_build(r, spec); });
  reader.take("conformance");  // the conformance suite's business
  if (!reader.failed() && spec.name != dir.filename().string())
    reader.fail(
        tree->root,
        "name is \"" + spec.name + "\", but the folder is \"" + dir.filename().string() + "\"",
        "they must be the same");
  std::error_code ec;
  for (const auto& shared : spec.shares)
    if (!reader.failed() && (shared.find('/') != std::string::npos ||
                             !fs::is_directory(dir.parent_path() / shared, ec)))
      reader.fail(tree->root, "shares names \"" + shared + "\", which is no folder beside " +
                                  dir.filename().string());
  if (!reader.failed() && spec.interfaces.empty()) reader.fail(tree->root, "interfaces is missing");
  if (!reader.failed() && spec.pool_command.empty() && spec.oneshot_command.empty())
    reader.fail(tree->root, "neither pool nor oneshot says how a worker starts");
  if (auto error = reader.finish()) return std::move(*error);
  return spec;
}

RuntimeSet read_runtimes(const std::vector<fs::path>& dirs) {
  RuntimeSet set;
  for (const auto& dir : dirs) {
    std::vector<fs::path> folders;
    std::error_code ec;
    for (const auto& entry : fs::directory_iterator(dir, ec)) {
      std::string name = entry.path().filename().string();
      if (name[0] != '_' && name[0] != '.' && fs::exists(entry.path() / "runtime.yaml", ec))
        folders.push_back(entry.path());
    }
    std::sort(folders.begin(), folders.end());
    for (const auto& folder : folders) {
      std::string name = folder.filename().string();
      bool taken = std::any_of(set.runtimes.begin(), set.runtimes.end(),
                               [&](const auto& r) { return r.name == name; });
      if (taken) continue;
      auto spec = read_runtime(folder);
      if (spec)
        set.runtimes.push_back(std::move(*spec));
      else
        set.problems.push_back({"", folder / "runtime.yaml", std::move(spec).error()});
    }
  }
  return set;
}

}  // namespace trivet::catalog
