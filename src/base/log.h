#pragma once
// One line that a function or the host said, and where such lines go.

#include <cstdint>
#include <string>
#include <string_view>

namespace trivet {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarn, kError };
std::string_view name(LogLevel level);      // "debug"
LogLevel log_level(std::string_view name);  // kInfo for an unknown name
// kHost: what the host has to say about a call, such as why it failed.
enum class LogStream : uint8_t { kLog, kStdout, kStderr, kHost };
std::string_view name(LogStream stream);  // "log", "stdout", "stderr", "host"

struct LogLine {
  int64_t time_ms = 0;  // Unix milliseconds
  std::string function;
  std::string call_id;  // empty: about the worker, not about a call
  LogLevel level = LogLevel::kInfo;
  LogStream stream = LogStream::kLog;
  std::string message;  // at most limits::kLogLineMax bytes
  std::string fields;   // a JSON object, or empty
  int worker = 0;       // the worker's process id
  int64_t dropped = 0;  // the line says that so many of that worker were left out
};

// Loop thread only. Must not block.
class LogSink {
 public:
  virtual void write(LogLine line) = 0;

 protected:
  ~LogSink() = default;
};

}  // namespace trivet
