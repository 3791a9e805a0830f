#include <strings.h>
#include <unistd.h>

#include <algorithm>
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

// Passed on to builds, in either case.
constexpr std::array<std::string_view, 6> kOfTheWay{"HTTP_PROXY", "HTTPS_PROXY",   "ALL_PROXY",
                                                    "NO_PROXY",   "SSL_CERT_FILE", "SSL_CERT_DIR"};

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

std::vector<std::string> worker_environment(std::map<std::string, std::string> added,
                                            sandbox::Level level) {
  if (level >= sandbox::Level::kSandbox)
    for (auto [name, value] : {std::pair{"HOME", "/tmp"}, {"TMPDIR", "/tmp"}, {"USER", "function"}})
      added.emplace(name, value);
  // Another user than the host's, without a home: /tmp is everybody's.
  if (level == sandbox::Level::kProcess) added.emplace("HOME", "/nonexistent");
  return base_environment(added);
}

std::vector<std::string> build_environment(const std::vector<std::string>& passed,
                                           sandbox::Level level) {
  std::map<std::string, std::string> added;
  auto begins_as = [](const std::string& pair, std::string_view name) {
    return pair.size() > name.size() && strncasecmp(pair.c_str(), name.data(), name.size()) == 0;
  };
  for (char** e = environ; *e; ++e) {
    std::string pair = *e;
    size_t equals = std::min(pair.find('='), pair.size() - 1);
    bool is_wanted = std::any_of(kOfTheWay.begin(), kOfTheWay.end(),
                                 [&](std::string_view name) {
                                   return equals == name.size() && begins_as(pair, name);
                                 }) ||
                     std::any_of(passed.begin(), passed.end(),
                                 [&](const auto& begin) { return begins_as(pair, begin); });
    if (is_wanted) added.emplace(pair.substr(0, equals), pair.substr(equals + 1));
  }
  return worker_environment(std::move(added), level);
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
