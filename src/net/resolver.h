#pragma once
// Resolver: names to addresses, for connections that are made for others. A lookup blocks for as
// long as the DNS likes, so it is done off the loop.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "loop/blocking.h"
#include "loop/loop.h"
#include "loop/scope.h"
#include "loop/task.h"

namespace trivet::net {

class Resolver {
 public:
  using Addresses = std::vector<std::string>;  // numeric, in the order in which to try them
  // At least one, or kUnavailable with why there is none, also when `deadline` passes. Loop thread.
  virtual loop::Task<Result<Addresses>> resolve(std::string host, Instant deadline) = 0;

 protected:
  ~Resolver() = default;
};

// The system's own (getaddrinfo: /etc/hosts, DNS, whatever nsswitch.conf says). What comes is used
// again for limits::kNetNameLife, and callers of one name share its lookup.
class SystemResolver final : public Resolver {
 public:
  using Lookup = std::function<Result<Addresses>(const std::string& host)>;  // any thread; blocks
  // `blocking` should be nobody else's: a DNS server that does not answer occupies its threads.
  SystemResolver(loop::Loop& loop, loop::BlockingPool& blocking);
  SystemResolver(loop::Loop& loop, loop::BlockingPool& blocking, Lookup lookup);

  loop::Task<Result<Addresses>> resolve(std::string host, Instant deadline) override;

 private:
  struct Entry {
    explicit Entry(loop::Loop& loop) : done(loop) {}
    loop::Event done;
    Result<Addresses> found{Addresses{}};
    Instant until = kNever;
  };
  std::shared_ptr<Entry> entry_of(const std::string& host);
  loop::Task<> look_up(std::string host, std::shared_ptr<Entry> entry);
  void forget_old();

  loop::Loop& loop_;
  loop::BlockingPool& blocking_;
  Lookup lookup_;
  std::map<std::string, std::shared_ptr<Entry>> entries_;
  loop::Scope lookups_;
};

}  // namespace trivet::net
