#pragma once
// What the launcher and the fork guard know of each other.

namespace trivet::sandbox {

inline constexpr const char* kGuardVariable = "TRIVET_SHELLS";  // the number of kGuardShellsFd
inline constexpr int kGuardShellsFd = 6;   // a Joining in each packet, beside it a shell's pidfd
inline constexpr int kGuardLibraryFd = 7;  // the library itself: LD_PRELOAD names it

}  // namespace trivet::sandbox
