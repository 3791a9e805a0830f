#include "sandbox/probe.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <set>
#include <sstream>
#include <string>

#include "sandbox/join.h"

namespace trivet::sandbox {
namespace {

using Names = std::set<std::string>;
using First = std::function<bool()>;

// What a launcher that did `first` before finds: for each layer that is not there its name, why,
// and what helps, a line each.
std::string lines_after(const First& first, uint32_t without = 0, const char* group = nullptr) {
  int ends[2];
  EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
  pid_t pid = fork();
  if (pid == 0) {
    std::string out = first() ? "" : "unprepared\n\n\n";
    Trial trial{secure_rights(), {}, without, {}};
    if (group) trial.groups.emplace_back(open(group, O_WRONLY));
    for (const auto& layer : probe_layers(trial)) {
      if (layer.is_active != layer.why.empty() || layer.is_active != layer.fix.empty())
        out += "unexplained " + layer.name + "\n\n\n";
      if (!layer.is_active) out += layer.name + "\n" + layer.why + "\n" + layer.fix + "\n";
    }
    ssize_t n = write(ends[1], out.data(), out.size());
    _exit(n == static_cast<ssize_t>(out.size()) ? 0 : 1);
  }
  close(ends[1]);
  std::string lines;
  char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;)
    lines.append(buffer, static_cast<size_t>(n));
  close(ends[0]);
  int status = 1;
  waitpid(pid, &status, 0);
  EXPECT_EQ(status, 0);
  return lines;
}

Names names_of(const std::string& lines) {
  Names names;
  std::istringstream in(lines);
  for (std::string name, why, fix;
       std::getline(in, name) && std::getline(in, why) && std::getline(in, fix);)
    names.insert(name);
  return names;
}

Names missing_after(const First& first, uint32_t without = 0) {
  return names_of(lines_after(first, without));
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

// Root of a user namespace in which there may be no other.
bool enter_the_last_user_namespace() {
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
  std::ofstream{"/proc/self/uid_map"} << "0 0 1";
  std::ofstream{"/proc/self/setgroups"} << "deny";
  std::ofstream{"/proc/self/gid_map"} << "0 0 1";
  std::ofstream most{"/proc/sys/user/max_user_namespaces"};
  return static_cast<bool>(most << "0" << std::flush);
}

bool nothing() { return true; }

const Names kNamespaces{"user-namespace", "pid-namespace", "mount-root", "network-namespace"};

class ProbeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root, to be made less than root";
  }
};

TEST_F(ProbeTest, every_layer_has_a_name_and_a_level) {
  Names names;
  for (const auto& layer : probe_layers(Trial{})) {
    EXPECT_TRUE(names.insert(layer.name).second) << layer.name;
    EXPECT_GT(layer.from, Level::kTrusted);
  }
  for (const auto& name : kNamespaces) EXPECT_TRUE(names.contains(name)) << name;
}

TEST_F(ProbeTest, what_needs_no_rights_is_there_for_everybody) {
  for (const auto& first :
       {First{nothing}, First{[] { return become(65533); }}, First{drop_capabilities}}) {
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

TEST_F(ProbeTest, what_a_sandbox_fails_at_is_named_with_the_switch_that_forbids_it) {
  std::string lines = lines_after(enter_the_last_user_namespace);
  Names missing = names_of(lines);
  if (missing.contains("unprepared")) GTEST_SKIP() << "needs user namespaces";
  EXPECT_TRUE(missing.contains("user-namespace")) << lines;
  EXPECT_FALSE(missing.contains("pid-namespace")) << lines;  // is made before
  EXPECT_NE(lines.find("\nsysctl user.max_user_namespaces=10000\n"), std::string::npos) << lines;
}

TEST_F(ProbeTest, what_was_left_out_is_found_to_be_missing) {
  Names whole = missing_after(nothing);
  for (auto layer : {kNoPids, kNoRoot, kNoNetwork, kNoUserNamespace}) {
    if (whole.contains(name(layer))) GTEST_SKIP() << "this machine has no " << name(layer);
    Names expected = whole;
    expected.insert(name(layer));
    EXPECT_EQ(missing_after(nothing, 1u << layer), expected) << name(layer);
  }
}

TEST_F(ProbeTest, a_sandbox_that_gets_no_control_groups_is_none) {
  std::string lines = lines_after(nothing, 0, "/dev/full");
  Names missing = names_of(lines);
  for (const auto& name : kNamespaces) EXPECT_TRUE(missing.contains(name)) << name;
  EXPECT_NE(lines.find("control groups: No space left"), std::string::npos) << lines;
}

TEST_F(ProbeTest, no_child_is_left_behind) {
  probe_layers(Trial{});
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

}  // namespace
}  // namespace trivet::sandbox
