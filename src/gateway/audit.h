#pragma once
// Audit: the log lines that say who was refused and who changed what. Of refusals only so many a
// second are told, and the others counted: a flood must not push other lines out of the log. Loop
// thread.

#include <string_view>

#include "base/clock.h"
#include "base/log.h"

namespace trivet::gateway {

struct AuditEntry {
  std::string_view who, method, path, call_id;
  int status = 0;  // of a refusal; 0: it was let in
};

class Audit {
 public:
  static constexpr int kRefusalsPerSecond = 20;

  Audit(const Clock& clock, LogSink* log) : clock_(clock), log_(log) {}
  void tell(const AuditEntry& entry);

 private:
  const Clock& clock_;
  LogSink* log_;  // nullptr: nobody listens
  int64_t second_ = 0;
  int64_t told_ = 0, untold_ = 0;  // refusals of this second
};

}  // namespace trivet::gateway
