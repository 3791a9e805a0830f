#include "sandbox/cgroups.h"

#include <gtest/gtest.h>

#include "sandbox/fake_tree.h"

namespace trivet::sandbox {
namespace {

constexpr pid_t kLauncher = 10, kServer = 11, kStranger = 99;
const std::string kMount = "/sys/fs/cgroup";

Limits some_limits() {
  Limits limits;
  limits.memory_bytes = 64 << 20;
  limits.cpu_percent = 150;
  limits.pids = 20;
  return limits;
}

// A host of version 2 whose group `own` is offered these controllers and has these processes.
FakeTree v2_host(const std::string& own, std::set<std::string> offered,
                 std::set<pid_t> processes = {kLauncher, kServer}) {
  FakeTree tree;
  tree.texts["/proc/self/cgroup"] = "0::" + own + "\n";
  tree.texts["/proc/self/mountinfo"] = "30 22 0:26 / " + kMount + " rw - cgroup2 cgroup2 rw\n";
  tree.add(kMount + (own == "/" ? "" : own), true, std::move(offered)).processes =
      std::move(processes);
  return tree;
}

FakeTree v1_host() {
  FakeTree tree;
  tree.texts["/proc/self/cgroup"] = "4:memory:/deep\n3:pids:/\n2:cpu,cpuacct:/\n1:name=systemd:/\n";
  tree.texts["/proc/self/mountinfo"] =
      "1 0 0:1 / /m rw - cgroup cgroup rw,memory\n2 0 0:2 / /p rw - cgroup cgroup rw,pids\n"
      "3 0 0:3 / /c rw - cgroup cgroup rw,cpu,cpuacct\n";
  for (const char* folder : {"/m/deep", "/p", "/c"}) tree.add(folder, false);
  return tree;
}

Cgroups opened(Tree& tree) {
  auto made = Cgroups::open(tree, kLauncher, {kLauncher, kServer});
  EXPECT_TRUE(made.ok());
  return std::move(*made);
}

// The names of the layers that are active, then "NAME: why" for each that is not.
std::string shown(const Cgroups& groups) {
  std::string active, missing;
  for (const Layer& one : groups.layers()) {
    (one.is_active ? active : missing) += one.name + (one.is_active ? " " : ": " + one.why + "\n");
    EXPECT_EQ(one.is_active, one.why.empty());
    EXPECT_EQ(one.is_active, one.fix.empty());
  }
  return active + missing;
}

constexpr const char* kAll = "memory-limit cpu-limit pids-limit ";

TEST(Cgroups, functions_together_weigh_less_than_another_group_but_where_the_host_is_among_them) {
  FakeTree old = v1_host();
  Cgroups of_v1 = opened(old);
  EXPECT_EQ(old.groups["/c/trivet.10"].files["cpu.shares"], "410");
  FakeTree alone = v2_host("/a", {"cpu", "memory", "pids"}, {});
  Cgroups of_v2 = opened(alone);
  EXPECT_EQ(alone.groups[kMount + "/a/trivet.10"].files["cpu.weight"], "40");
  FakeTree among = v2_host("/a", {"cpu", "memory", "pids"});
  Cgroups with_host = opened(among);
  EXPECT_EQ(among.groups[kMount + "/a/trivet.10"].files.count("cpu.weight"), 0u);
}

TEST(CgroupsV2, own_processes_move_so_that_controllers_are_handed_down) {
  FakeTree tree = v2_host("/system.slice/trivet.service", {"cpu", "io", "memory", "pids"});
  Cgroups groups = opened(tree);
  std::string own = kMount + "/system.slice/trivet.service";
  EXPECT_EQ(shown(groups), kAll);
  EXPECT_TRUE(tree.groups[own].processes.empty());
  EXPECT_EQ(tree.groups[own + "/trivet.10/self"].processes, (std::set<pid_t>{kLauncher, kServer}));
  Group group = *groups.make("a");
  ASSERT_TRUE(groups.limit(group, some_limits()).ok());
  auto& node = tree.groups[own + "/trivet.10/a"];
  EXPECT_EQ(node.files, (std::map<std::string, std::string>{{"memory.max", "67108864"},
                                                            {"memory.swap.max", "0"},
                                                            {"memory.oom.group", "1"},
                                                            {"cpu.max", "150000 100000"},
                                                            {"pids.max", "20"}}));
  ASSERT_TRUE(groups.limit(group, Limits{0, 0, 0, 0, 0}).ok());
  EXPECT_EQ(node.files["memory.max"] + node.files["memory.swap.max"] + node.files["cpu.max"] +
                node.files["pids.max"],
            "maxmaxmax 100000max");
  ASSERT_TRUE(groups.add(group, 55).ok());
  EXPECT_EQ(node.processes, std::set<pid_t>{55});
  EXPECT_FALSE(groups.remove(group));
  EXPECT_TRUE(groups.kill(group).ok());
  EXPECT_TRUE(groups.remove(group));
  EXPECT_FALSE(tree.groups.contains(own + "/trivet.10/a"));
  EXPECT_FALSE(groups.close());  // we are in it
}

TEST(CgroupsV2, counts_are_read) {
  FakeTree tree = v2_host("/own", {"cpu", "memory", "pids"});
  Cgroups groups = opened(tree);
  Group group = *groups.make("a");
  EXPECT_EQ(groups.oom_kills(group), 0);
  auto& files = tree.groups[kMount + "/own/trivet.10/a"].files;
  files["memory.events"] = "low 0\nhigh 0\nmax 7\noom 2\noom_kill 3\noom_group_kill 1\n";
  files["pids.events"] = "max 4\n";
  files["memory.current"] = "4096\n";
  files["cpu.stat"] = "usage_usec 1234\nuser_usec 1000\n";
  EXPECT_EQ(groups.oom_kills(group), 3);
  EXPECT_EQ(groups.pids_refused(group), 4);
  EXPECT_EQ(groups.usage(group).memory_bytes, 4096);
  EXPECT_EQ(groups.usage(group).cpu_us, 1234);
}

TEST(CgroupsV2, in_the_root_of_the_machine_nobody_moves) {
  FakeTree tree = v2_host("/", {"cpu", "memory", "pids"}, {1, kLauncher, kServer});
  tree.groups[kMount].is_root = true;
  EXPECT_EQ(shown(opened(tree)), kAll);
  EXPECT_EQ(tree.groups[kMount].processes.size(), 3u);
}

TEST(CgroupsV2, in_a_container_all_of_it_moves) {
  FakeTree tree = v2_host("/", {"cpu", "memory", "pids"}, {1, kLauncher, kServer});
  EXPECT_EQ(shown(opened(tree)), kAll);
  EXPECT_EQ(tree.groups[kMount + "/trivet.10/self"].processes.size(), 3u);
}

TEST(CgroupsV2, strangers_in_our_group_are_left_alone_and_named_as_the_reason) {
  FakeTree tree = v2_host("/session", {"memory", "pids"}, {kLauncher, kServer, kStranger});
  Cgroups groups = opened(tree);
  std::string why = shown(groups);
  EXPECT_NE(why.find("memory-limit: other processes are in the group " + kMount + "/session"),
            why.npos)
      << why;
  EXPECT_NE(why.find("cpu-limit: the controller cpu is not handed down to"), why.npos) << why;
  EXPECT_EQ(tree.groups[kMount + "/session"].processes, std::set<pid_t>{kStranger});
  Group group = *groups.make("a");  // ending it together works all the same
  EXPECT_TRUE(groups.limit(group, some_limits()).ok());
  EXPECT_TRUE(groups.add(group, 55).ok());
  EXPECT_TRUE(groups.kill(group).ok());
  EXPECT_TRUE(groups.remove(group));
}

TEST(CgroupsV2, without_permission_the_fix_is_delegation) {
  FakeTree tree = v2_host("/user.slice/session-2.scope", {"memory", "pids"});
  tree.refused[kMount + "/user.slice/session-2.scope/trivet.10"] = EACCES;
  Cgroups groups = opened(tree);
  for (const Layer& one : groups.layers()) {
    EXPECT_FALSE(one.is_active);
    if (one.name != "cpu-limit") {
      EXPECT_NE(one.why.find("Permission denied"), one.why.npos) << one.why;
    }
    EXPECT_NE(one.fix.find("Delegate=yes"), one.fix.npos) << one.fix;
  }
  Group group = *groups.make("a");
  EXPECT_TRUE(groups.limit(group, some_limits()).ok());
  EXPECT_TRUE(groups.add(group, 55).ok());
  EXPECT_TRUE(groups.kill(group).ok());
  EXPECT_TRUE(groups.remove(group));
}

TEST(CgroupsV2, a_read_only_mount_is_the_reason) {
  FakeTree tree = v2_host("/", {"memory", "cpu", "pids"});
  tree.texts["/proc/self/mountinfo"] = "30 22 0:26 / " + kMount + " ro - cgroup2 cgroup2 rw\n";
  EXPECT_EQ(shown(opened(tree)),
            "memory-limit: " + kMount + " is mounted read-only\ncpu-limit: " + kMount +
                " is mounted read-only\npids-limit: " + kMount + " is mounted read-only\n");
  EXPECT_EQ(tree.groups.size(), 1u);
}

TEST(CgroupsV2, groups_lie_beside_the_folder_that_a_dead_launcher_moved_us_to) {
  FakeTree tree = v2_host("/unit", {"cpu", "memory", "pids"});
  {
    Cgroups first = opened(tree);
    ASSERT_TRUE(first.make("left").ok());
  }
  tree.texts["/proc/self/cgroup"] = "0::/unit/trivet.10/self\n";
  tree.groups[kMount + "/unit/trivet.10/self"].processes = {kServer, 20};
  tree.groups[kMount + "/unit/trivet.10/left"].processes = {55};
  auto second = Cgroups::open(tree, 20, {20, kServer});
  EXPECT_EQ(shown(*second), kAll);
  EXPECT_TRUE(tree.groups.contains(kMount + "/unit/trivet.20"));
  EXPECT_FALSE(tree.groups.contains(kMount + "/unit/trivet.10/left"));
  EXPECT_EQ(tree.groups[kMount + "/unit/trivet.10/self"].processes.size(), 2u);
}

TEST(Cgroups, what_dead_launchers_left_is_removed_and_what_others_have_is_not) {
  FakeTree tree = v1_host();
  tree.texts["/proc/6"] = "";
  for (const char* folder : {"/p/trivet.5", "/p/trivet.5/a", "/p/trivet.5/a/inner", "/p/trivet.5/b",
                             "/p/trivet.6", "/p/trivet.x", "/p/own"})
    tree.add(folder, false);
  tree.groups["/p/trivet.5/a"].processes = {55, 56};
  opened(tree);
  for (const char* gone : {"/p/trivet.5", "/p/trivet.5/a", "/p/trivet.5/a/inner"})
    EXPECT_FALSE(tree.groups.contains(gone)) << gone;
  for (const char* there : {"/p/trivet.6", "/p/trivet.x", "/p/own", "/p/trivet.10"})
    EXPECT_TRUE(tree.groups.contains(there)) << there;
}

TEST(CgroupsV1, limits_and_counts_have_their_own_files) {
  FakeTree tree = v1_host();
  Cgroups groups = opened(tree);
  EXPECT_EQ(shown(groups), kAll);
  Group group = *groups.make("a");
  ASSERT_TRUE(groups.limit(group, some_limits()).ok());
  auto& memory = tree.groups["/m/deep/trivet.10/a"].files;
  EXPECT_EQ(memory["memory.limit_in_bytes"] + " " + memory["memory.memsw.limit_in_bytes"],
            "67108864 67108864");
  EXPECT_EQ(tree.groups["/c/trivet.10/a"].files["cpu.cfs_quota_us"], "150000");
  EXPECT_EQ(tree.groups["/p/trivet.10/a"].files["pids.max"], "20");
  memory["memory.oom_control"] = "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n";
  memory["memory.usage_in_bytes"] = "8192\n";
  tree.groups["/c/trivet.10/a"].files["cpuacct.usage"] = "5000000\n";
  EXPECT_EQ(groups.oom_kills(group), 1);
  EXPECT_EQ(groups.usage(group).memory_bytes, 8192);
  EXPECT_EQ(groups.usage(group).cpu_us, 5000);
  EXPECT_TRUE(groups.remove(group));
  EXPECT_TRUE(groups.close());
  EXPECT_EQ(tree.groups.size(), 3u);
}

TEST(CgroupsV1, a_machine_without_accounting_of_swap_limits_memory_alone) {
  FakeTree tree = v1_host();
  Cgroups groups = opened(tree);
  Group group = *groups.make("a");
  std::string file = "/m/deep/trivet.10/a/memory.memsw.limit_in_bytes";
  tree.refused[file] = ENOENT;
  EXPECT_TRUE(groups.limit(group, some_limits()).ok());
  tree.refused[file] = EINVAL;
  EXPECT_FALSE(groups.limit(group, some_limits()).ok());
}

TEST(CgroupsV1, forks_are_refused_while_a_group_is_ended) {
  FakeTree tree = v1_host();
  Cgroups groups = opened(tree);
  Group group = *groups.make("a");
  ASSERT_TRUE(groups.add(group, 55).ok());
  tree.births = 1 << 20;
  EXPECT_TRUE(groups.kill(group).ok());
  EXPECT_EQ(tree.births, 1 << 20);
  EXPECT_TRUE(groups.remove(group));
}

TEST(CgroupsV1, ending_a_group_that_does_not_end_gives_up) {
  FakeTree tree = v1_host();
  Cgroups groups = opened(tree);
  Group group = *groups.make("a");
  ASSERT_TRUE(groups.add(group, 55).ok());
  tree.undying = {55};
  EXPECT_FALSE(groups.kill(group).ok());
  EXPECT_LE(tree.naps, 100);
  EXPECT_FALSE(groups.remove(group));
}

TEST(Cgroups, hybrid_ends_by_version_2_and_limits_by_version_1) {
  for (bool has_kill_file : {true, false}) {
    FakeTree tree = v1_host();
    tree.texts["/proc/self/cgroup"] += "0::/\n";
    tree.texts["/proc/self/mountinfo"] += "9 0 0:9 / /u rw - cgroup2 cgroup2 rw\n";
    tree.add("/u", true, {"hugetlb"}).is_root = true;
    tree.has_kill_file = has_kill_file;
    Cgroups groups = opened(tree);
    EXPECT_EQ(shown(groups), kAll);
    Group group = *groups.make("a");
    ASSERT_TRUE(groups.add(group, 55).ok());
    for (const char* mount : {"/u", "/p", "/c", "/m/deep"})
      EXPECT_TRUE(tree.groups[std::string(mount) + "/trivet.10/a"].processes.contains(55)) << mount;
    EXPECT_TRUE(groups.kill(group).ok());
    EXPECT_TRUE(tree.groups["/u/trivet.10/a"].processes.empty());
    EXPECT_EQ(tree.groups["/p/trivet.10/a"].files.contains("pids.max"), !has_kill_file);
  }
}

TEST(Cgroups, a_group_that_cannot_be_made_leaves_nothing) {
  FakeTree tree = v1_host();
  Cgroups groups = opened(tree);
  size_t before = tree.groups.size();
  tree.refused["/c/trivet.10/a"] = ENOSPC;
  EXPECT_FALSE(groups.make("a").ok());
  EXPECT_EQ(tree.groups.size(), before);
  for (const char* bad : {"", "..", ".a", "a/b", "self"})
    EXPECT_FALSE(groups.make(bad).ok()) << bad;
}

TEST(Cgroups, without_any_each_layer_says_so) {
  FakeTree tree;
  tree.texts["/proc/self/cgroup"] = "";
  tree.texts["/proc/self/mountinfo"] = "";
  std::string why = shown(opened(tree));
  EXPECT_NE(why.find("memory-limit: no control groups with the controller memory are mounted"),
            why.npos)
      << why;
  tree.texts.clear();
  EXPECT_FALSE(Cgroups::open(tree, 1, {}).ok());
}

}  // namespace
}  // namespace trivet::sandbox
