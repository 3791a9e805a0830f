#pragma once
// Homes: which of a host's shards a function lives on.
//
// A shard is a loop with a thread of its own and all that serves calls on it. A function lives on
// one of them, so that its limits, its queue and its breaker are those of one pool; one with
// `scale.shards` above 1 lives on several, and each has a pool with its part of the limits.

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "catalog/snapshot.h"
#include "loop/task.h"
#include "worker/call.h"

namespace trivet::dispatch {

// Of what is divided among `parts` shards, the share of the one that is number `number` from 0.
struct Part {
  int number = 0, parts = 1;
  bool operator==(const Part&) const = default;
};
int share(int all, Part part);
catalog::Scale part_of(const catalog::Scale& scale, Part part);

// Thread-safe.
class Homes {
 public:
  explicit Homes(size_t shards) : shards_(shards) {}
  size_t shards() const { return shards_; }

  // The functions there are from now on. New ones are put where the fewest are, the others stay.
  void adopt(const catalog::Snapshot& snapshot);
  // The shard to take a call of that function to from `shard`: itself when it lives there; none
  // when there is no such function.
  std::optional<size_t> nearest(std::string_view function, size_t shard) const;
  // What `shard` has of it; none: nothing. All of a function that there is not, so that whoever is
  // asked for it can say so.
  std::optional<Part> part(std::string_view function, size_t shard) const;

 private:
  struct Home {
    size_t first = 0;
    size_t parts = 1;
  };
  size_t shards_;
  mutable std::mutex mutex_;
  std::map<std::string, Home, std::less<>> homes_;  // guarded by mutex_
};

// The other shards, as the dispatcher of one sees them. Asked on its loop's thread.
class Neighbours {
 public:
  // What this shard has of a function; none: it lives elsewhere.
  virtual std::optional<Part> part(std::string_view function) const = 0;
  // A call, or a build, where the function lives. A reply that is streamed comes whole.
  virtual loop::Task<Result<worker::Reply>> invoke(worker::Call call) = 0;
  virtual loop::Task<Status> prepare(std::string function) = 0;

 protected:
  ~Neighbours() = default;
};

}  // namespace trivet::dispatch
