#include "pool/budget.h"

#include <sched.h>

#include <algorithm>

namespace trivet::pool {

int count_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? std::max(1, CPU_COUNT(&set)) : 1;
}

Budget::Account::Account(Budget& budget, BudgetUser& user, size_t memory)
    : budget_(budget), user_(user), memory_(memory) {
  budget_.accounts_.push_back(this);
}

Budget::Account::~Account() {
  want(0, {});
  budget_.workers_ -= stake_.workers;
  budget_.memory_ -= memory_ * static_cast<size_t>(stake_.workers);
  budget_.leaving_ = std::max(0, budget_.leaving_ - stake_.workers);
  auto& all = budget_.accounts_;
  all.erase(std::find(all.begin(), all.end(), this));
  budget_.tell_next();
}

int Budget::Account::take(int wanted, int urgent, Instant now) {
  if (wanted == 0 && stake_.wanting == 0) return 0;
  bool others_want = budget_.wanting_ > stake_.wanting;
  if (others_want) wanted = std::min(wanted, urgent);  // no worker is kept ready at their cost
  int given = 0;
  while (given < wanted && budget_.has_room(*this)) {
    if (budget_.scarce() && !may_start(budget_.stakes(false), budget_.place_of(*this))) break;
    ++given;
    ++stake_.workers;
    ++budget_.workers_;
    budget_.memory_ += memory_;
  }
  int missing = std::min(wanted - given, urgent);
  if (missing > 0 && stake_.wanting == 0) ++budget_.refused_;
  bool wanted_before = stake_.wanting > 0;
  want(missing, now);
  if (missing > 0)
    budget_.make_room(*this, now);
  else if (wanted_before)
    budget_.tell_next();  // what was kept for this one may be for another
  return given;
}

void Budget::Account::want(int count, Instant now) {
  budget_.wanting_ += count - stake_.wanting;
  if (count == 0)
    stake_.since = kNever;
  else if (stake_.wanting == 0)
    stake_.since = now;
  stake_.wanting = count;
}

void Budget::Account::give_back() {
  --stake_.workers;
  --budget_.workers_;
  budget_.memory_ -= memory_;
  if (budget_.leaving_ > 0) --budget_.leaving_;
  budget_.tell_next();
}

bool Budget::Account::must_yield(Instant now) {
  if (!budget_.scarce() || budget_.leaving_ >= budget_.wanting_) return false;
  if (!pool::must_yield(budget_.stakes(false), budget_.place_of(*this), now)) return false;
  if (stake_.wanting > 0) stake_.since = now;  // it has had its turn: others have waited longer
  ++budget_.leaving_;
  return true;
}

std::vector<Stake> Budget::stakes(bool with_idle) const {
  std::vector<Stake> out;
  out.reserve(accounts_.size());
  for (const Account* account : accounts_) {
    out.push_back(account->stake_);
    if (with_idle) out.back().idle_since = account->user_.idle_since();
  }
  return out;
}

size_t Budget::place_of(const Account& account) const {
  return static_cast<size_t>(std::find(accounts_.begin(), accounts_.end(), &account) -
                             accounts_.begin());
}

bool Budget::has_room(const Account& account) const {
  if (workers_ >= settings_.max_workers) return false;
  bool any = settings_.max_memory == 0 || workers_ == 0;  // one always may
  return any || memory_ + account.memory_ <= settings_.max_memory;
}

void Budget::make_room(const Account& account, Instant now) {
  while (leaving_ < wanting_) {
    auto whose = whose_idle_ends(stakes(true), place_of(account), now);
    if (!whose) return;
    ++leaving_;
    accounts_[*whose]->user_.end_idle();
  }
}

void Budget::tell_next() {
  if (wanting_ == 0) return;
  if (auto next = next_to_start(stakes(false))) {
    if (has_room(*accounts_[*next])) accounts_[*next]->user_.on_room();
  }
}

}  // namespace trivet::pool
