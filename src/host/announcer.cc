#include "host/announcer.h"

#include <cstdlib>
#include <utility>

#include "host/public_views.h"
#include "host/vault.h"
#include "launcher/messages.h"
#include "os/identity.h"

namespace trivet::host {

void Announcer::say(LogLevel level, LogStream stream, std::string function, std::string message) {
  logs_.write(
      {clock_.unix_ms(), std::move(function), "", level, stream, std::move(message), "", 0});
}

void Announcer::started(const std::string& user, bool listens, bool is_open) {
  if (!user.empty()) say(LogLevel::kInfo, "runs as " + user + ", without capabilities");
  os::Identity us = os::identity();
  if (listens && us.has_capabilities)
    warn("runs as " + us.user + " and keeps its capabilities" +
         (us.can_become_others
              ? "; make a user for it (useradd --system trivet), or name one with --user"
              : ""));
  if (is_open) warn(std::string{kNoAuthWarning});
}

void Announcer::warn(std::string message) {
  warnings_.push_back(message);
  say(LogLevel::kWarn, std::move(message));
}

void Announcer::machine(const std::vector<sandbox::Layer>& limits) {
  if (std::exchange(machine_is_told_, true)) return;
  for (const auto& layer : limits)
    if (layer.name == "memory-limit" && !layer.is_active)
      warn("memory-limit cannot be enforced on this machine: " + layer.why +
           "; functions run without the usual limit, and those whose manifest names one do not "
           "start; " +
           layer.fix);
}

void Announcer::operators_level(sandbox::Level level) {
  if (const char* without = std::getenv(launcher::kWithoutLayer))
    warn(std::string{launcher::kWithoutLayer} + " leaves layers of the sandbox out: " + without);
  if (level >= sandbox::Level::kSandbox) return;
  warn("functions that name no sandbox level run at level " + std::string{sandbox::name(level)} +
       ": --sandbox, TRIVET_SANDBOX or a settings file says so");
}

void Announcer::weakened(const catalog::Snapshot& snapshot) {
  std::map<std::string, std::string> told;
  for (const auto& name : snapshot.names()) {
    const auto& spec = *snapshot.find(name);
    auto by_manifest = weakened_by_manifest(spec);
    if (by_manifest.empty()) continue;
    told[name] = spec.version;
    auto before = told_.find(name);
    if (before != told_.end() && before->second == spec.version) continue;
    std::string all;
    for (const auto& what : by_manifest) all += (all.empty() ? "" : ", ") + what;
    say(LogLevel::kWarn, LogStream::kHost, name, "its manifest weakens the sandbox: " + all);
  }
  told_ = std::move(told);
}

void Announcer::reloaded(const std::vector<std::string>& names, const catalog::Snapshot& snapshot) {
  for (const auto& name : names) say(LogLevel::kInfo, LogStream::kLog, name, "reloaded");
  for (const auto& problem : snapshot.problems)
    say(LogLevel::kError, LogStream::kLog, problem.function, problem.error.text());
}

}  // namespace trivet::host
