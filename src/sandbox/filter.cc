#include "sandbox/filter.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "sandbox/filter_programs.h"

namespace trivet::sandbox {
namespace {

template <unsigned short kSize>
constexpr sock_fprog program(const sock_filter (&instructions)[kSize]) {
  return {kSize, const_cast<sock_filter*>(instructions)};  // the kernel only reads them
}

}  // namespace

int install_filter(Level level) {
  if (level < Level::kSandbox) return 0;
  sock_fprog chosen = level == Level::kStrict ? program(kStrictProgram) : program(kStandardProgram);
  int before = errno;
  int failed = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &chosen) == 0 ? 0 : errno;
  errno = before;
  return failed;
}

const char* filter_summary(Level level) {
  if (level < Level::kSandbox) return "";
  return level == Level::kStrict ? kStrictSummary : kStandardSummary;
}

int filter_calls(Level level) {
  if (level < Level::kSandbox) return 0;
  return level == Level::kStrict ? kStrictCalls : kStandardCalls;
}

}  // namespace trivet::sandbox
