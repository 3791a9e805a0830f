#pragma once
// Control groups: limits of memory, processor and processes for a worker with all that it starts,
// and their end together.
//
// A group is made ahead, blank, and limited when it is assigned. All lie below `trivet.<pid>/` in
// our own group, of each hierarchy that is of use: version 2 when there is one (ending a group is a
// single write there), and those of version 1 that have a controller which version 2 has not. A
// machine may lack some or all of it: open() finds what there is, layers() says what is missing and
// why, and the rest works with what is left. Whether that is enough is the caller's decision.
//
// Version 2 does not hand controllers down from a group that has processes itself. Where they are
// not handed down yet, our own processes move to `trivet.<pid>/self` first.
//
// Cost of a group (measured, 2 processors): 28 us of version 2, 71 us of version 1's memory, 136 us
// of its pids and cpu together; so groups are made ahead. One thread; no method waits longer than
// kill's tenth of a second.

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "sandbox/cgroup_tree.h"
#include "sandbox/policy.h"

namespace trivet::sandbox {

// A group of this Cgroups. A name, which may be copied; the group stays until remove().
struct Group {
  std::string id;
};

struct Usage {
  int64_t memory_bytes = 0;  // now, with the page cache of its files; 0 where it is not known
  int64_t cpu_us = 0;        // since it was made; 0 where it is not known
};

class Cgroups {
 public:
  enum Controller { kMemory, kCpu, kPids, kControllers };

  // Finds what there is, and removes what launchers left that are no more. `tree` outlives this.
  // `launcher` names the folder; `own` are the processes that belong to this server, the launcher
  // among them: these move, if any must. kIo: /proc cannot be read.
  static Result<Cgroups> open(Tree& tree, pid_t launcher, const std::vector<pid_t>& own);

  // memory-limit, cpu-limit, pids-limit: each active, or why not and how to have it.
  std::vector<Layer> layers() const;

  // A blank group, without limits. `id` is a file's name, and new. kIo: the kernel refused; nothing
  // is left of it.
  Result<Group> make(std::string id);
  // What is 0 there is no limit; files and disk are not of control groups. What has no controller
  // is left out. Memory counts with swap. kIo: the kernel refused one; the others may be set.
  Status limit(const Group& group, const Limits& limits);
  // Moves a process there; what it starts from then on is in the group too.
  Status add(const Group& group, pid_t process);
  // The files in which a process that writes "0" moves itself there.
  std::vector<std::string> entrances(const Group& group) const;
  // Ends all processes of a group, also those that are being started. They may take a moment to be
  // gone. kIo: without version 2 some were still there after a tenth of a second.
  Status kill(const Group& group);
  // True: nothing is left of the group. False: it still has processes; ask again later.
  bool remove(const Group& group);
  // Removes the folder of this launcher, which must have no groups any more. False when the
  // launcher is in it itself (version 2): then the next open() removes it.
  bool close();

  // How often a process of the group was ended for memory, and how often a fork was refused; since
  // it was made.
  int64_t oom_kills(const Group& group) const;
  int64_t pids_refused(const Group& group) const;
  Usage usage(const Group& group) const;

 private:
  // Where a controller's files are; none: `why` and `fix` are sentences.
  struct Place {
    std::string folder;  // of this launcher, "" when it is not to be had
    bool is_v2 = false;
    std::string why, fix;
  };

  explicit Cgroups(Tree& tree) : tree_(&tree) {}
  void use_v1(const std::string& own, const std::vector<std::string>& controllers,
              const std::string& name, bool is_read_only);
  void use_v2(const std::string& own, const std::string& name, const std::vector<pid_t>& processes,
              bool is_read_only);
  void hand_down(const std::string& own, Controller controller,
                 const std::vector<pid_t>& processes);
  void weigh();
  void sweep(const std::string& own, const std::string& ours);
  bool clear(const std::string& folder);
  bool end_all(const std::string& folder, const std::string& pids);
  Status set(Controller controller, const Group& group, const char* v1, const char* v2,
             const std::string& value);
  Status limit_memory(const Group& group, int64_t bytes);
  int64_t count(Controller controller, const Group& group, const char* v1, const char* v2,
                const char* key) const;
  std::string file(Controller controller, const Group& group, const char* v1, const char* v2) const;

  Tree* tree_;
  std::vector<std::string> folders_;  // of this launcher, one per hierarchy; version 2's first
  std::string v2_;                    // the one of version 2, or ""
  Place places_[kControllers];
};

}  // namespace trivet::sandbox
