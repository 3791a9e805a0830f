#include "sandbox/probe.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <set>
#include <string>
#include <utility>

namespace trivet::sandbox {
namespace {

using Names = std::set<std::string>;

// The layers that are not there for a process that did `first` before. Each says why, and what
// helps.
Names missing_after(const std::function<bool()>& first) {
  int ends[2];
  EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
  pid_t pid = fork();
  if (pid == 0) {
    std::string out = first() ? "" : "unprepared ";
    for (const auto& layer : probe_layers()) {
      if (layer.is_active != layer.why.empty() || layer.is_active != layer.fix.empty())
        out += "unexplained:" + layer.name + " ";
      if (!layer.is_active) out += layer.name + " ";
    }
    ssize_t n = write(ends[1], out.data(), out.size());
    _exit(n == static_cast<ssize_t>(out.size()) ? 0 : 1);
  }
  close(ends[1]);
  char buffer[1024];
  ssize_t n = read(ends[0], buffer, sizeof buffer);
  close(ends[0]);
  int status = 1;
  waitpid(pid, &status, 0);
  EXPECT_EQ(status, 0);
  Names names;
  std::string word;
  for (ssize_t i = 0; i < n; ++i) {
    if (buffer[i] != ' ') {
      word += buffer[i];
      continue;
    }
    names.insert(std::exchange(word, {}));
  }
  return names;
}

bool become(uid_t user) {
  return setresgid(user, user, user) == 0 && setresuid(user, user, user) == 0 &&
         prctl(PR_SET_DUMPABLE, 1) == 0;
}

bool drop_capabilities() {
  for (unsigned long c = 0; prctl(PR_CAPBSET_READ, c, 0, 0, 0) == 1; ++c)
    if (prctl(PR_CAPBSET_DROP, c, 0, 0, 0) != 0) return false;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  return syscall(SYS_capset, &header, none) == 0;
}

const Names kNamespaces{"user-namespace", "pid-namespace", "mount-root", "network-namespace"};

class ProbeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root, to be made less than root";
  }
};

TEST_F(ProbeTest, every_layer_has_a_name_and_a_level) {
  Names names;
  for (const auto& layer : probe_layers()) {
    EXPECT_TRUE(names.insert(layer.name).second) << layer.name;
    EXPECT_GT(layer.from, Level::kTrusted);
  }
  for (const auto& name : kNamespaces) EXPECT_TRUE(names.contains(name)) << name;
}

TEST_F(ProbeTest, what_needs_no_rights_is_there_for_everybody) {
  for (const auto& first : {std::function<bool()>{[] { return true; }},
                            std::function<bool()>{[] { return become(65533); }},
                            std::function<bool()>{drop_capabilities}}) {
    Names missing = missing_after(first);
    EXPECT_FALSE(missing.contains("unprepared"));
    for (const char* name : {"rlimits", "no-new-privs", "capabilities", "seccomp"})
      EXPECT_FALSE(missing.contains(name)) << name;
    for (const auto& name : missing) EXPECT_FALSE(name.starts_with("unexplained")) << name;
  }
}

TEST_F(ProbeTest, an_ordinary_user_has_no_other_user_to_become) {
  EXPECT_TRUE(missing_after([] { return become(65533); }).contains("user-ids"));
}

TEST_F(ProbeTest, root_without_capabilities_can_make_no_namespaces) {
  Names missing = missing_after(drop_capabilities);
  for (const auto& name : kNamespaces) EXPECT_TRUE(missing.contains(name)) << name;
  EXPECT_TRUE(missing.contains("user-ids"));
}

TEST_F(ProbeTest, no_child_is_left_behind) {
  probe_layers();
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

}  // namespace
}  // namespace trivet::sandbox
