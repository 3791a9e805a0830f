#pragma once
// Internal tokens: what a one-shot function gets to call its host back. 64 hex digits, five
// minutes.
//
// The first 16 digits find the entry, the other 48 are the secret and are compared in constant
// time. Expired entries are swept as new ones come. Thread-safe.

#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/limits.h"

namespace trivet::dispatch {

class Tokens {
 public:
  explicit Tokens(const Clock& clock, Duration life = limits::kTokenLife)
      : clock_(clock), life_(life) {}
  std::string issue(std::string_view function);
  // The function it was issued to; empty when it is unknown or too old.
  std::string verify(std::string_view token) const;
  size_t size() const;

 private:
  struct Entry {
    std::string secret, function;
    Instant expires;
  };
  const Clock& clock_;
  Duration life_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;      // guarded by mutex_
  std::deque<std::pair<Instant, std::string>> by_age_;  // guarded by mutex_
};

}  // namespace trivet::dispatch
