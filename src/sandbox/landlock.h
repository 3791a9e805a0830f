#pragma once
// Landlock: a program forbids itself, and all that it starts, files and signals, without any
// privilege.
//
// It is a second wall in a sandbox and the only one about files for a worker at level `process`.
// Each call adds a domain to those the thread is in already (the kernel takes 16); rights only
// shrink. What the kernel is too old for is left out, and Entered says so: the caller decides
// whether that is enough. Not covered by any version: UDP, chmod, chown, stat and the use of
// descriptors that are open already.
//
// Needs no_new_privs (else EPERM). Plain functions without allocation, exceptions or the C++
// library, like filter.h. Rights and versions: the kernel's user-space API of Landlock, versions 1
// to 7.

#include <cstddef>
#include <cstdint>

namespace trivet::sandbox {

// The version of the kernel's Landlock: 0 when there is none, or it is switched off.
int landlock_abi();

// What is in force after a call, of what it was asked for.
struct Entered {
  bool paths = false;             // version 1; 2 for renames between folders, 3 for truncate
  bool tcp_bind = false;          // version 4
  bool tcp_connect = false;       // version 4
  bool signals = false;           // version 6
  bool abstract_sockets = false;  // version 6
};

// No signals to processes outside (EPERM), and no connections to abstract Unix sockets made outside
// (EPERM). The kernel's own signals, such as of a child's end, arrive. 0 also where there is no
// version 6: then `entered` says that nothing is in force.
int forbid_signals_outside(Entered* entered);

// A path, or a descriptor of one (O_PATH is enough; it stays the caller's). Of a folder: it and all
// below it.
struct PathRule {
  int fd = -1;                 // used when it is not below 0
  const char* path = nullptr;  // else this, followed if it is a link
  bool is_writable = false;    // else read, list and execute; devices need it for ioctl too
};

struct PathRules {
  const PathRule* rules = nullptr;
  size_t count = 0;
  bool is_reading_free =
      false;  // true: everything may be read and executed, and only writing is restricted
  bool forbids_tcp_bind = false;
  bool forbids_tcp_connect = false;
};

// From now on files are opened, made, renamed and removed as the rules say (else EACCES; EXDEV for
// renames between folders of different rights). 0 also without Landlock. ENOENT and the like: a
// rule's path cannot be had, and nothing is in force.
int restrict_paths(const PathRules& rules, Entered* entered);

}  // namespace trivet::sandbox
