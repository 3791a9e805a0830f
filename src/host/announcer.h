#pragma once
// Says in the host's log what those who run it must know: what was reloaded, what is wrong, and,
// once for each version of a function, how it is less confined than by default.

#include <map>
#include <string>
#include <vector>

#include "catalog/snapshot.h"
#include "telemetry/log_store.h"

namespace trivet::host {

class Announcer {
 public:
  Announcer(telemetry::LogStore& logs, const Clock& clock) : logs_(logs), clock_(clock) {}

  // Of the host itself.
  void say(LogLevel level, std::string message) {
    say(level, LogStream::kHost, "", std::move(message));
  }
  // As whom it goes on; empty: as it was started. Of a host that listens, too, whether it keeps
  // what only its launchers need, and whether it asks nobody for a token.
  void started(const std::string& user, bool listens, bool is_open);
  // Once: limits that this machine cannot enforce, and that nobody has asked for.
  void machine(const std::vector<sandbox::Layer>& limits);
  // Functions without a level of their own run at this one; says so when it is below sandbox.
  void operators_level(sandbox::Level level);
  // What manifests have weakened, of versions that were not told before.
  void weakened(const catalog::Snapshot& snapshot);
  void reloaded(const std::vector<std::string>& names, const catalog::Snapshot& snapshot);
  // What was said about the host itself that weakens all functions.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  void warn(std::string message);
  void say(LogLevel level, LogStream stream, std::string function, std::string message);

  telemetry::LogStore& logs_;
  const Clock& clock_;
  std::map<std::string, std::string> told_;  // version by function
  std::vector<std::string> warnings_;
  bool machine_is_told_ = false;
};

}  // namespace trivet::host
