#include "launcher/embedded.h"

asm(".section .rodata\n"
    ".balign 16\n"
    "trivet_launcher_program_begin:\n"
    ".incbin \"" TRIVET_LAUNCHER_PROGRAM
    "\"\n"
    "trivet_launcher_program_end:\n"
    ".byte 0\n"
    ".previous\n");

extern "C" const char trivet_launcher_program_begin[], trivet_launcher_program_end[];

namespace trivet::launcher {

std::string_view program() {
  return {trivet_launcher_program_begin,
          static_cast<size_t>(trivet_launcher_program_end - trivet_launcher_program_begin)};
}

}  // namespace trivet::launcher
