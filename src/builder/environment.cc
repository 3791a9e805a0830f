#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "builder/builder.h"

namespace trivet::builder {
namespace {

constexpr const char* kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
// Passed on from the host's environment; everything else stays with the host.
constexpr std::array kPassedOn{"PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER"};

bool can_be_run(const std::string& file) {
  std::error_code ec;  // a folder may be executable too: that is leave to enter it
  return access(file.c_str(), X_OK) == 0 && std::filesystem::is_regular_file(file, ec);
}

}  // namespace

std::vector<std::string> base_environment(const std::map<std::string, std::string>& added) {
  std::vector<std::string> env;
  for (const char* name : kPassedOn) {
    if (added.count(name)) continue;
    const char* value = std::getenv(name);
    if (!value && std::string_view{name} == "PATH") value = kDefaultPath;
    if (value) env.push_back(std::string{name} + "=" + value);
  }
  for (const auto& [name, value] : added) env.push_back(name + "=" + value);
  return env;
}

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return can_be_run(name) ? name : std::string{};
  const char* path = std::getenv("PATH");
  std::stringstream folders{path ? path : kDefaultPath};
  for (std::string folder; std::getline(folders, folder, ':');) {
    std::string candidate = folder + "/" + name;
    if (can_be_run(candidate)) return candidate;
  }
  return {};
}

}  // namespace trivet::builder
