#pragma once
// Budget: the workers that one host may have, over all its pools, by number and by memory.
//
// Each pool has an Account. It asks with take() before it starts workers and gives back each one
// that is gone. What it may start, and whose worker ends to make room, is decided in sharing.h. On
// the loop's thread; outlives its accounts.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "pool/sharing.h"

namespace trivet::pool {

int count_cpus();  // that this process may run on

// A pool, as the budget sees it.
class BudgetUser {
 public:
  // Of the worker that has been idle longest and may end; kNever when there is none.
  virtual Instant idle_since() const = 0;
  virtual void end_idle() = 0;  // that worker ends, soon
  virtual void on_room() = 0;   // it may take() again; from the loop, not from here

 protected:
  ~BudgetUser() = default;
};

class Budget {
 public:
  struct Settings {
    int max_workers = limits::kMaxWorkersDefault;
    size_t max_memory = 0;  // bytes, estimated; 0 = any
    int cpus = count_cpus();
  };
  explicit Budget(Settings settings) : settings_(settings) {}
  const Settings& settings() const { return settings_; }
  int workers() const { return workers_; }
  size_t memory() const { return memory_; }
  bool scarce() const { return wanting_ > 0; }  // some pool wants more than there is room for
  int64_t refused() const { return refused_; }  // times that a pool was given less than it wanted

  class Account {
   public:
    // `memory`: bytes that one worker is taken to need.
    Account(Budget& budget, BudgetUser& user, size_t memory);
    ~Account();
    Account(const Account&) = delete;
    Account& operator=(const Account&) = delete;

    // How many of `wanted` workers may start now. Of those that may not, as many as calls wait for
    // (`urgent`) are wanted until the next take().
    int take(int wanted, int urgent, Instant now);
    void give_back();  // a worker is gone
    bool is_scarce() const { return budget_.scarce(); }
    bool wants() const { return stake_.wanting > 0; }
    int workers() const { return stake_.workers; }
    // Must a worker that is free now end, for another pool? The caller ends it.
    bool must_yield(Instant now);

   private:
    friend class Budget;
    void want(int count, Instant now);
    Budget& budget_;
    BudgetUser& user_;
    size_t memory_;
    Stake stake_;
  };

 private:
  std::vector<Stake> stakes(bool with_idle) const;
  size_t place_of(const Account& account) const;
  bool has_room(const Account& account) const;
  void make_room(const Account& account, Instant now);
  void tell_next();

  Settings settings_;
  std::vector<Account*> accounts_;
  int workers_ = 0;
  size_t memory_ = 0;
  int wanting_ = 0;  // by all accounts
  int leaving_ = 0;  // workers that have been told to end to make room, and are not gone
  int64_t refused_ = 0;
};

}  // namespace trivet::pool
