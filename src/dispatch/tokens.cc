#include "dispatch/tokens.h"

#include "base/ids.h"

namespace trivet::dispatch {
namespace {
constexpr size_t kIdDigits = 16;
constexpr size_t kDigits = 64;
}  // namespace

std::string Tokens::issue(std::string_view function) {
  std::string token = new_token();
  std::string id = token.substr(0, kIdDigits);
  Instant now = clock_.now();
  std::lock_guard lock(mutex_);
  while (!by_age_.empty() && by_age_.front().first <= now) {
    entries_.erase(by_age_.front().second);
    by_age_.pop_front();
  }
  Instant expires = after(now, life_);
  entries_[id] = {token.substr(kIdDigits), std::string{function}, expires};
  by_age_.emplace_back(expires, std::move(id));
  return token;
}

std::string Tokens::verify(std::string_view token) const {
  if (token.size() != kDigits) return {};
  std::lock_guard lock(mutex_);
  auto found = entries_.find(std::string{token.substr(0, kIdDigits)});
  static const Entry kNobody{std::string(kDigits - kIdDigits, '0'), "", Instant{}};
  const Entry& entry = found == entries_.end() ? kNobody : found->second;
  bool right = equal_in_constant_time(entry.secret, token.substr(kIdDigits));
  return right && entry.expires > clock_.now() ? entry.function : std::string{};
}

size_t Tokens::size() const {
  std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace trivet::dispatch
