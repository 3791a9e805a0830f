// Control groups of this machine; what it has no right or no controller for is skipped, which the
// summary counts.

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <functional>

#include "sandbox/cgroups.h"

namespace trivet::sandbox {
namespace {

using Clock = std::chrono::steady_clock;

class CgroupsOfTheKernel : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root, or a group of its own";
    groups_.emplace(*Cgroups::open(kernel_, getpid(), {getpid()}));
    auto made = groups_->make("test");
    if (!made) GTEST_SKIP() << made.error().text();
    group_ = *made;
  }
  void TearDown() override {
    if (!groups_ || group_.id.empty()) return;
    EXPECT_TRUE(groups_->kill(group_).ok());
    EXPECT_TRUE(is_gone());
    groups_->close();
  }

  void need(Cgroups::Controller controller) {
    Layer layer = groups_->layers()[controller];
    if (!layer.is_active) GTEST_SKIP() << layer.name << ": " << layer.why;
  }

  // A child in the group that runs `what` once it is there.
  pid_t start(const std::function<int()>& what) {
    int fds[2];
    EXPECT_EQ(pipe(fds), 0);
    pid_t child = fork();
    if (child == 0) {
      char byte;
      close(fds[1]);
      _exit(read(fds[0], &byte, 1) == 1 ? what() : 250);
    }
    close(fds[0]);
    Status added = groups_->add(group_, child);
    EXPECT_TRUE(added.ok()) << (added.ok() ? "" : added.error().text());
    EXPECT_EQ(write(fds[1], "x", 1), 1);
    close(fds[1]);
    return child;
  }

  static int wait_for(pid_t child) {
    int status = 0;
    waitpid(child, &status, 0);
    return status;
  }

  // Processes take a moment to leave.
  bool is_gone() {
    for (int round = 0; round < 1000; ++round) {
      if (groups_->remove(group_)) return true;
      kernel_.nap();
    }
    return false;
  }

  Kernel kernel_;
  std::optional<Cgroups> groups_;
  Group group_;
};

Limits only(int64_t memory_bytes, int cpu_percent, int pids) {
  Limits limits;
  limits.memory_bytes = memory_bytes;
  limits.cpu_percent = cpu_percent;
  limits.pids = pids;
  return limits;
}

// Touches so much memory.
int touch(size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 1;
  std::memset(memory, 1, bytes);
  return 0;
}

TEST_F(CgroupsOfTheKernel, more_memory_than_the_limit_ends_the_process_and_is_counted) {
  need(Cgroups::kMemory);
  if (IsSkipped()) return;
  ASSERT_TRUE(groups_->limit(group_, only(32 << 20, 0, 0)).ok());
  int status = wait_for(start([] { return touch(16 << 20); }));
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_EQ(groups_->oom_kills(group_), 0);
  status = wait_for(start([] { return touch(64 << 20); }));
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  EXPECT_EQ(groups_->oom_kills(group_), 1);
  ASSERT_TRUE(groups_->limit(group_, only(128 << 20, 0, 0)).ok());
  EXPECT_EQ(wait_for(start([] { return touch(64 << 20); })), 0);
  ASSERT_TRUE(groups_->limit(group_, only(16 << 20, 0, 0)).ok());
  EXPECT_NE(wait_for(start([] { return touch(32 << 20); })), 0);
}

TEST_F(CgroupsOfTheKernel, more_processes_than_the_limit_are_refused_and_counted) {
  need(Cgroups::kPids);
  if (IsSkipped()) return;
  ASSERT_TRUE(groups_->limit(group_, only(0, 0, 5)).ok());
  auto forks = [] {
    for (int i = 0; i < 20; ++i) {
      pid_t child = fork();
      if (child < 0) return errno == EAGAIN ? i : 100;
      if (child == 0) pause();
    }
    return 101;
  };
  int status = wait_for(start(forks));
  EXPECT_EQ(WEXITSTATUS(status), 4);
  EXPECT_EQ(groups_->pids_refused(group_), 1);
}

TEST_F(CgroupsOfTheKernel, the_processor_is_shared_out_and_its_time_is_known) {
  need(Cgroups::kCpu);
  if (IsSkipped()) return;
  ASSERT_TRUE(groups_->limit(group_, only(0, 20, 0)).ok());
  auto spin = [] {
    rusage used{};
    for (auto end = Clock::now() + std::chrono::milliseconds(500); Clock::now() < end;)
      getrusage(RUSAGE_SELF, &used);
    return static_cast<int>(used.ru_utime.tv_usec / 10'000 + used.ru_stime.tv_usec / 10'000);
  };
  int tens_of_ms = WEXITSTATUS(wait_for(start(spin)));
  EXPECT_LE(tens_of_ms, 25);  // 10 are its share, 2 more are in the first period
  EXPECT_GT(groups_->usage(group_).cpu_us, 10'000);
}

TEST_F(CgroupsOfTheKernel, all_processes_end_also_those_that_hide) {
  ASSERT_TRUE(groups_->limit(group_, only(0, 0, 64)).ok());
  int fds[2];
  ASSERT_EQ(pipe(fds), 0);
  pid_t child = start([&] {
    for (int i = 0; i < 3; ++i)
      if (fork() == 0 && setsid() > 0 && fork() == 0) {
        signal(SIGTERM, SIG_IGN);
        for (close(fds[0]);;) pause();
      }
    return write(fds[1], "x", 1) == 1 ? pause() : 1;
  });
  char byte;
  ASSERT_EQ(read(fds[0], &byte, 1), 1);
  close(fds[1]);
  EXPECT_FALSE(groups_->remove(group_));
  ASSERT_TRUE(groups_->kill(group_).ok());
  EXPECT_EQ(WTERMSIG(wait_for(child)), SIGKILL);
  EXPECT_EQ(read(fds[0], &byte, 1), 0);  // nobody holds the other end any more
  close(fds[0]);
  EXPECT_TRUE(is_gone());
}

TEST_F(CgroupsOfTheKernel, what_a_dead_launcher_left_is_removed_with_its_processes) {
  int fds[2];
  ASSERT_EQ(pipe(fds), 0);
  pid_t launcher = fork();
  if (launcher == 0) {
    auto mine = Cgroups::open(kernel_, getpid(), {});
    auto left = mine->make("left");
    pid_t worker = fork();
    if (worker == 0) pause();
    _exit(left && mine->add(*left, worker).ok() &&
                  write(fds[1], &worker, sizeof worker) == sizeof worker
              ? 0
              : 1);
  }
  close(fds[1]);
  ASSERT_EQ(wait_for(launcher), 0);
  pid_t worker = 0;
  ASSERT_EQ(read(fds[0], &worker, sizeof worker), static_cast<ssize_t>(sizeof worker));
  EXPECT_EQ(kill(worker, 0), 0);
  ASSERT_TRUE(groups_->remove(group_));
  auto next = Cgroups::open(kernel_, getpid(), {getpid()});
  char byte;
  EXPECT_EQ(read(fds[0], &byte, 1), 0);
  close(fds[0]);
  std::string folder = "/trivet." + std::to_string(launcher);
  for (const char* mount :
       {"/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/pids", "/sys/fs/cgroup/cpu"})
    EXPECT_FALSE(kernel_.exists(mount + folder)) << mount;
}

TEST_F(CgroupsOfTheKernel, what_a_group_costs) {
  constexpr int kTimes = 50;
  auto measured = [&](const char* name, const std::function<void(int)>& what) {
    auto start = Clock::now();
    for (int i = 0; i < kTimes; ++i) what(i);
    auto us = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start).count();
    std::printf("%s: %ld us\n", name, static_cast<long>(us / kTimes));
  };
  auto group = [](int i) { return Group{"cost-" + std::to_string(i)}; };
  measured("make", [&](int i) { EXPECT_TRUE(groups_->make(group(i).id).ok()); });
  measured("limit",
           [&](int i) { EXPECT_TRUE(groups_->limit(group(i), only(64 << 20, 50, 50)).ok()); });
  measured("counts and usage", [&](int i) {
    EXPECT_EQ(groups_->oom_kills(group(i)) + groups_->pids_refused(group(i)), 0);
    groups_->usage(group(i));
  });
  measured("kill, empty", [&](int i) { EXPECT_TRUE(groups_->kill(group(i)).ok()); });
  measured("remove", [&](int i) { EXPECT_TRUE(groups_->remove(group(i))); });
  pid_t child = fork();
  if (child == 0) pause();
  measured("add", [&](int) { EXPECT_TRUE(groups_->add(group_, child).ok()); });
  ASSERT_TRUE(groups_->kill(group_).ok());
  wait_for(child);
}

}  // namespace
}  // namespace trivet::sandbox
