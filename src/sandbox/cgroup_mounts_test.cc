#include "sandbox/cgroup_mounts.h"

#include <gtest/gtest.h>

namespace trivet::sandbox {
namespace {

struct Host {
  const char* name;
  const char* cgroup;
  const char* mountinfo;
  std::string expected;  // "v1|v2 rw|ro CONTROLLERS OWN" for each hierarchy
};

std::string shown(const std::vector<Hierarchy>& found) {
  std::string text;
  for (const Hierarchy& one : found) {
    text += one.is_v2 ? "v2" : "v1";
    text += one.is_read_only ? " ro " : " rw ";
    for (const std::string& controller : one.controllers) text += controller + " ";
    text += one.own + "\n";
  }
  return text;
}

const Host kHosts[] = {
    {"v2, a service of systemd", "0::/system.slice/trivet.service\n",
     "22 28 0:20 / /sys rw,nosuid - sysfs sysfs rw\n"
     "30 22 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 "
     "rw,nsdelegate,memory_recursiveprot\n",
     "v2 rw /sys/fs/cgroup/system.slice/trivet.service\n"},
    {"v2, a user's session", "0::/user.slice/user-1000.slice/session-2.scope\n",
     "30 22 0:26 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw\n",
     "v2 rw /sys/fs/cgroup/user.slice/user-1000.slice/session-2.scope\n"},
    {"v1 of a distribution, controllers together",
     "12:cpu,cpuacct:/user.slice\n5:pids:/user.slice/user-1000.slice\n4:memory:/user.slice/a "
     "b\n1:name=systemd:/user.slice\n",
     "34 24 0:29 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
     "38 24 0:33 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
     "39 24 0:34 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
     "40 24 0:35 / /sys/fs/cgroup/my\\040memory rw - cgroup cgroup rw,memory\n",
     "v1 rw cpu cpuacct /sys/fs/cgroup/cpu,cpuacct/user.slice\nv1 rw pids "
     "/sys/fs/cgroup/pids/user.slice/user-1000.slice\n"
     "v1 rw memory /sys/fs/cgroup/my memory/user.slice/a b\n"},
    {"hybrid, only memory not at the root",
     "9:name=systemd:/\n8:pids:/\n4:memory:/process_api/853af6\n1:cpu:/\n0::/\n",
     "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
     "33 31 0:30 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup cgroup rw,cpuacct\n"
     "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
     "39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids\n"
     "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n",
     "v1 rw pids /sys/fs/cgroup/pids\nv1 rw memory /sys/fs/cgroup/memory/process_api/853af6\nv1 rw "
     "cpu /sys/fs/cgroup/cpu\n"
     "v2 rw /sys/fs/cgroup/unified\n"},
    {"a container of v2, with a namespace", "0::/\n",
     "900 890 0:26 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup "
     "rw,nsdelegate\n",
     "v2 ro /sys/fs/cgroup\n"},
    {"a container of v1, without a namespace",
     "4:memory:/docker/0123abc\n3:pids:/docker/0123abc/inner\n",
     "901 890 0:33 /docker/0123abc /sys/fs/cgroup/memory ro,nosuid master:11 - cgroup cgroup "
     "rw,memory\n"
     "902 890 0:34 /docker/0123abc /sys/fs/cgroup/pids rw,nosuid master:12 - cgroup cgroup "
     "rw,pids\n",
     "v1 ro memory /sys/fs/cgroup/memory\nv1 rw pids /sys/fs/cgroup/pids/inner\n"},
    {"mounted twice, writable once", "0::/a\n",
     "1 0 0:26 / /ro ro - cgroup2 cgroup2 rw\n2 0 0:26 / /rw rw - cgroup2 cgroup2 rw\n3 0 0:26 / "
     "/also rw - cgroup2 cgroup2 rw\n",
     "v2 rw /rw/a\n"},
    {"a mount that shows another part", "0::/a/b\n", "1 0 0:26 /a/bc /x rw - cgroup2 cgroup2 rw\n",
     ""},
    {"our group is above our namespace", "0::/../other\n",
     "1 0 0:26 / /x rw - cgroup2 cgroup2 rw\n", ""},
    {"nothing is mounted", "0::/a\n", "1 0 0:26 / /x rw - tmpfs cgroup2 rw\n", ""},
    {"no control groups at all", "", "", ""},
    {"lines that say nothing", "\n0\n0:\n0::\n::\n4:memory:relative\n:::\n",
     "x\n - \n1 2 3 4 5 6 - cgroup2\n1 2 - cgroup2 c rw\n", ""},
};

TEST(CgroupMounts, of_recorded_hosts) {
  for (const Host& host : kHosts)
    EXPECT_EQ(shown(find_hierarchies(host.cgroup, host.mountinfo)), host.expected) << host.name;
}

TEST(CgroupMounts, escapes_are_read_and_what_looks_like_one_is_not) {
  auto own = [](const std::string& point) {
    auto found = find_hierarchies("0::/\n", "1 0 0:1 / " + point + " rw - cgroup2 c rw\n");
    return found.empty() ? "" : found[0].own;
  };
  EXPECT_EQ(own("/a\\011b\\134"), "/a\tb\\");
  EXPECT_EQ(own("/a\\0"), "/a\\0");
  EXPECT_EQ(own("/a\\09x"), "/a\\09x");
  EXPECT_EQ(own("/a\\777"), "/a\\777");
}

}  // namespace
}  // namespace trivet::sandbox
