// trivet_confined LEVEL PROGRAM ARGUMENT...: starts a program under the filter of a level. For
// tests.

#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "sandbox/filter.h"

int main(int argc, char** argv) {
  auto level = trivet::sandbox::parse_level(argc > 2 ? argv[1] : "");
  if (!level) {
    std::fprintf(stderr, "usage: trivet_confined LEVEL PROGRAM ARGUMENT...\n");
    return 2;
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 125;
  if (int failed = trivet::sandbox::install_filter(*level); failed != 0) {
    std::fprintf(stderr, "trivet_confined: no filter: %s\n", std::strerror(failed));
    return 125;
  }
  execvp(argv[2], argv + 2);
  std::fprintf(stderr, "trivet_confined: %s: %s\n", argv[2], std::strerror(errno));
  return 126;
}
