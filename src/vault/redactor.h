#pragma once
// Redactor: takes the values of secrets out of texts that people read: log lines, errors.
//
// Found are a value as it is, as it stands in JSON text, and each of its lines, where these have at
// least kLeast bytes; and the part of a value of that length at the begin or end of a text, where a
// longer text may have been cut. A value that was encoded in another way (base64, URL escapes) is
// not found. Immutable once filled; any thread.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/log.h"

namespace trivet::vault {

class Redactor {
 public:
  static constexpr size_t kLeast = 6;  // bytes; shorter ones are in half of all words

  // Values by name.
  explicit Redactor(const std::map<std::string, std::string>& secrets);
  bool empty() const { return patterns_.empty(); }

  // With "[secret NAME]" for each value. True: there was one.
  bool clean(std::string& text) const;
  void clean(Error& error) const;
  void clean(LogLine& line) const;

 private:
  struct Pattern {
    std::string bytes, mark;
  };
  bool clean_edges(std::string& text) const;

  std::vector<Pattern> patterns_;  // longest first
};

// Lines of a function with secrets, on their way to where lines go.
class CleanSink final : public LogSink {
 public:
  CleanSink(LogSink& sink, const Redactor& redactor) : sink_(sink), redactor_(redactor) {}
  void write(LogLine line) override {
    redactor_.clean(line);
    sink_.write(std::move(line));
  }

 private:
  LogSink& sink_;
  const Redactor& redactor_;
};

}  // namespace trivet::vault
