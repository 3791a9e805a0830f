#pragma once
// The filter of system calls: what a worker may ask of the kernel.
//
// The lists are text, with the reasons (filters/standard.calls, filters/strict.calls); a build step
// compiles them, so that installing one is a single call with bytes that lie ready. Installed last,
// right before exec: the launcher's own steps need calls that the filter refuses.
//
// Plain functions without allocation, exceptions or the C++ library: they run between fork and
// exec, also in a child that shares its parent's memory, and in a preloaded library.

#include "sandbox/policy.h"

namespace trivet::sandbox {

// Confines the calling thread, and all that it starts, for good. Levels without a filter (trusted,
// process): nothing is done. 0, or an errno: EACCES without no_new_privs, ENOSYS or EINVAL on a
// kernel without filters. Costs 0.1 ms, most of it the kernel's (measured: see filter_test.cc,
// one_install_is_quick).
int install_filter(Level level);

// "268 calls allowed, 0 end the process, ...": for people. Static; "" for levels without a filter.
const char* filter_summary(Level level);

// How many calls the level's filter allows, some of them with certain arguments only; 0 without a
// filter.
int filter_calls(Level level);

}  // namespace trivet::sandbox
