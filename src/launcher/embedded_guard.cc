#include "launcher/embedded_guard.h"

asm(".section .rodata\n"
    ".balign 16\n"
    "trivet_fork_guard_begin:\n"
    ".incbin \"" TRIVET_FORK_GUARD
    "\"\n"
    "trivet_fork_guard_end:\n"
    ".byte 0\n"
    ".previous\n");

extern "C" const char trivet_fork_guard_begin[], trivet_fork_guard_end[];

namespace trivet::launcher {

std::string_view guard() {
  return {trivet_fork_guard_begin,
          static_cast<size_t>(trivet_fork_guard_end - trivet_fork_guard_begin)};
}

}  // namespace trivet::launcher
