#include "gateway/audit.h"

#include "wire/json.h"

namespace trivet::gateway {
namespace {

constexpr size_t kPathMost = 200;

}  // namespace

void Audit::tell(const AuditEntry& entry) {
  if (!log_) return;
  LogLine line;
  line.time_ms = clock_.unix_ms();
  bool is_refusal = entry.status != 0;
  if (is_refusal && line.time_ms / 1000 != second_) {
    second_ = line.time_ms / 1000;
    told_ = 0;
  }
  if (is_refusal && ++told_ > kRefusalsPerSecond) {
    ++untold_;
    return;
  }
  line.call_id = entry.call_id;
  line.level = is_refusal ? LogLevel::kWarn : LogLevel::kInfo;
  line.stream = LogStream::kHost;
  line.message = std::string{is_refusal ? "audit: refused " : "audit: "} +
                 std::string{entry.method} + " " + std::string{entry.path.substr(0, kPathMost)} +
                 (is_refusal ? " of " : " by ") + std::string{entry.who};
  wire::ObjectWriter fields{line.fields};
  fields.text("audit", is_refusal ? "refused" : "admin").text("who", entry.who);
  if (is_refusal) fields.number("status", int64_t{entry.status});
  if (is_refusal && untold_ > 0) fields.number("untold", std::exchange(untold_, 0));
  fields.close();
  log_->write(std::move(line));
}

}  // namespace trivet::gateway
