// trivet_confined LEVEL [--write PATH]... PROGRAM ARGUMENT...: starts a program under the filter of
// a level; with paths, it may write there only, and signal nobody outside (Landlock). For tests.

#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <vector>

#include "sandbox/filter.h"
#include "sandbox/landlock.h"

namespace {

using namespace trivet::sandbox;

int refuse(const char* what, int failed) {
  std::fprintf(stderr, "trivet_confined: %s: %s\n", what, std::strerror(failed));
  return 125;
}

int restrict_to(const std::vector<PathRule>& writable) {
  Entered paths, signals;
  if (int failed = restrict_paths({writable.data(), writable.size(), true, false, false}, &paths))
    return failed;
  if (int failed = forbid_signals_outside(&signals)) return failed;
  return paths.paths ? 0 : ENOSYS;
}

}  // namespace

int main(int argc, char** argv) {
  auto level = parse_level(argc > 2 ? argv[1] : "");
  int at = 2;
  std::vector<PathRule> writable;
  for (; at + 1 < argc && std::strcmp(argv[at], "--write") == 0; at += 2)
    writable.push_back({-1, argv[at + 1], true});
  if (!level || at >= argc) {
    std::fprintf(stderr, "usage: trivet_confined LEVEL [--write PATH]... PROGRAM ARGUMENT...\n");
    return 2;
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return refuse("no_new_privs", errno);
  if (int failed = writable.empty() ? 0 : restrict_to(writable)) return refuse("landlock", failed);
  if (int failed = install_filter(*level)) return refuse("filter", failed);
  execvp(argv[at], argv + at);
  return refuse(argv[at], errno);
}
