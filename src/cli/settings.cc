// Settings files: what flags and TRIVET_* variables leave open. The first that has a key wins:
// trivet.toml in the current folder, config.toml of the user, then that of the machine.
#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "cli/cli.h"

namespace trivet::cli {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> settings_files() {
  std::vector<fs::path> files{"trivet.toml"};
  const char* config = std::getenv("XDG_CONFIG_HOME");
  const char* home = std::getenv("HOME");
  if (config && *config == '/')
    files.push_back(fs::path{config} / "trivet/config.toml");
  else if (home && *home)
    files.push_back(fs::path{home} / ".config/trivet/config.toml");
  files.emplace_back("/etc/trivet/config.toml");
  return files;
}

// A project comes from others: it may not say where to send our calls, nor as whom, nor how little
// its functions are confined.
bool is_project_key(const std::string& key) {
  return key == "listen" || key == "data" || key == "output" || key == "runtimes" ||
         key == "max_workers" || key == "shards" || key == "max_memory" || key == "spare_memory" ||
         key == "max_builds";
}

template <class T>
bool to_number(const std::string& text, T& number) {
  auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), number);
  return wrong == std::errc{} && end == text.data() + text.size();
}

bool to_bytes(std::string text, uint64_t& bytes) {
  try {
    return CLI::AsSizeValue{true}(text).empty() && to_number(text, bytes);
  } catch (const CLI::Error&) {  // a unit that there is not
    return false;
  }
}

Status take(Common& common, const std::string& key, const std::vector<std::string>& values) {
  const std::string value = values.empty() ? "" : values.front();
  if (key == "server") {
    common.server = value;
    common.server_given = true;
  } else if (key == "listen") {
    common.listen = values;
  } else if (key == "runtimes") {
    common.runtimes = values;
  } else if (key == "data") {
    common.data = value;
  } else if (key == "store") {
    common.store = value;
  } else if (key == "secrets_key") {
    common.secrets_key = value;
  } else if (key == "token") {
    common.token = value;
  } else if (key == "sandbox") {
    if (value != "trusted" && value != "process" && value != "sandbox" && value != "strict")
      return Error{ErrorCode::kInvalidInput, "sandbox is \"" + value + "\"",
                   "trusted, process, sandbox or strict"};
    common.sandbox = value;
  } else if (key == "max_memory" || key == "spare_memory") {
    if (!to_bytes(value, key == "max_memory" ? common.max_memory : common.spare_memory))
      return Error{ErrorCode::kInvalidInput, key + " is \"" + value + "\"", "like 8GiB"};
  } else if (key == "max_workers" || key == "max_builds") {
    int& number = key == "max_workers" ? common.max_workers : common.max_builds;
    if (!to_number(value, number) || number < 1)
      return Error{ErrorCode::kInvalidInput, key + " is \"" + value + "\"", "a number, at least 1"};
  } else if (key == "shards") {
    if (!to_number(value, common.shards) || common.shards < 0 || common.shards > kShardsMost)
      return Error{ErrorCode::kInvalidInput, "shards is \"" + value + "\"",
                   "a number up to 64; 0: half of the CPUs"};
  } else if (key != "output") {
    return Error{ErrorCode::kInvalidInput, "unknown setting \"" + key + "\"",
                 "there are server, listen, data, store, output, token, secrets_key, runtimes, "
                 "sandbox, max_workers, "
                 "shards, max_memory, max_builds and spare_memory"};
  } else if (value != "table" && value != "json") {
    return Error{ErrorCode::kInvalidInput, "output is \"" + value + "\"", "table or json"};
  } else {
    common.output = value;
  }
  return {};
}

}  // namespace

Status read_settings(Common& common) {
  for (const auto& file : settings_files()) {
    std::ifstream in(file);
    if (!in) continue;
    std::vector<CLI::ConfigItem> items;
    try {
      items = CLI::ConfigTOML{}.from_config(in);
    } catch (const CLI::Error& error) {
      return Error{ErrorCode::kInvalidInput, file.string() + ": " + error.what()};
    }
    for (const auto& item : items) {
      if (item.name == "++" || item.name == "--") continue;  // the parser's marks of sections
      std::string key = item.fullname();
      if (common.origins.contains(key)) continue;
      Status taken = file.has_parent_path() || is_project_key(key)
                         ? take(common, key, item.inputs)
                         : Status{Error{ErrorCode::kInvalidInput,
                                        "\"" + key + "\" may not be set by a project",
                                        "set it in the user's config.toml"}};
      if (!taken) {
        Error error = std::move(taken).error();
        error.message = file.string() + ": " + error.message;
        return error;
      }
      common.origins.emplace(key, file.string());
    }
  }
  return {};
}

}  // namespace trivet::cli
