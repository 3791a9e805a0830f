#pragma once
// Forwarder: the host's side of sandbox.net. A worker in a network namespace of its own has a
// listening socket there per destination (sandbox/doors.h); here its connections are accepted and
// carried to the real destination.
//
// What is enforced is out of the worker's reach: where a door leads was decided before it ran, the
// name is resolved here, at each connection, and every address is judged (sandbox/reach.h). A
// connection that cannot be made is reset, and one line of the function's log says why.
//
// One loop, whichever has time for it; every byte passes through it.

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "loop/loop.h"
#include "loop/scope.h"
#include "loop/task.h"
#include "net/destinations.h"
#include "net/resolver.h"
#include "os/fd.h"
#include "sandbox/doors.h"
#include "sandbox/reach.h"

namespace trivet::net {

// What the connections of a function did, since the host's start.
struct Traffic {
  int64_t connections = 0;  // carried, open ones too
  int64_t open = 0;
  int64_t refused = 0;                  // by a rule or a limit of ours
  int64_t failed = 0;                   // the destination has no address, or does not answer
  int64_t bytes_out = 0, bytes_in = 0;  // to the destination, from it
  void add(const Traffic& other);
};

class Forwarder {
 public:
  struct Settings {
    sandbox::Reach reach;
    int per_worker = limits::kNetConnections;
    int in_all = limits::kNetConnectionsAll;
    Duration connect = limits::kNetConnect;  // to one address
    Duration resolve = limits::kNetResolve;
    Duration idle = limits::kNetIdle;
    Duration linger = limits::kNetLinger;
  };
  // All outlive the forwarder. Lines are written on the loop's thread.
  Forwarder(loop::Loop& loop, Resolver& resolver, LogSink& log, const Clock& clock);
  Forwarder(loop::Loop& loop, Resolver& resolver, LogSink& log, const Clock& clock,
            Settings settings);
  ~Forwarder();

 private:
  struct Worker;

 public:
  // The doors of one worker, or of all that share a namespace. Drop it when they have ended: what
  // they had sent is still carried for a moment, then their connections are reset. Dies before the
  // forwarder.
  class Passage {
   public:
    ~Passage();

   private:
    friend class Forwarder;
    Passage(Forwarder& forwarder, std::unique_ptr<Worker> worker);
    Forwarder& forwarder_;
    std::unique_ptr<Worker> worker_;
  };
  // `sockets` as sandbox::open_doors() gave them for these doors: as many, in this order. `worker`
  // is the process that the log names, or 0.
  std::unique_ptr<Passage> open(const std::string& function, int worker,
                                std::vector<sandbox::Door> doors, std::vector<os::Fd> sockets);

  // By function.
  const std::map<std::string, Traffic, std::less<>>& traffic() const { return traffic_; }

 private:
  struct Gate;
  static constexpr size_t kPiece = 64 * limits::kKiB;

  void on_connection(Worker& worker, Gate& gate, os::Fd socket);
  loop::Task<> carry(Worker& worker, Gate& gate, os::Fd inner);
  loop::Task<Result<os::Fd>> reach(const Gate& gate, bool& refused);
  loop::Task<Result<os::Fd>> reach_one_of(Resolver::Addresses addresses, uint16_t port);
  void tell(Worker& worker, Gate& gate, const std::string& why);
  loop::Task<> let_end(std::unique_ptr<Worker> worker);

  loop::Loop& loop_;
  Resolver& resolver_;
  LogSink& log_;
  const Clock& clock_;
  Settings settings_;
  Destinations destinations_;
  std::map<std::string, Traffic, std::less<>> traffic_;
  std::array<char, kPiece> scratch_;
  int open_ = 0;  // connections of all workers
  loop::Scope ending_;
};

}  // namespace trivet::net
