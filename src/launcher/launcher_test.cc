#include "launcher/launcher.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>

namespace trivet::launcher {
namespace {

struct Seen final : ChildObserver {
  pid_t pid = 0;
  std::optional<Exit> exit;
  void on_started(pid_t started) override { pid = started; }
  void on_exit(const Exit& how) override { exit = how; }
};

loop::Task<> keep_layers(Launcher& launcher,
                         std::optional<Result<std::vector<sandbox::Layer>>>& out) {
  auto layers = co_await launcher.layers();
  out.emplace(std::move(layers));
}

// With the program that travels in the library. Its children are lines of /bin/sh.
class LauncherTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(launcher.open()); }
  Launch shell(std::string script) {
    Launch launch;
    launch.spawn.argv = {"/bin/sh", "-c", std::move(script)};
    launch.spawn.env = {"PATH=/usr/bin:/bin"};
    launch.spawn.cwd = "/";
    return launch;
  }
  template <typename Done>
  void run_until(Done done) {
    while (!done()) loop.run_once();
  }
  Exit run(Launch launch) {
    Seen seen;
    launcher.start(std::move(launch), seen);
    run_until([&] { return seen.exit.has_value(); });
    return *seen.exit;
  }
  loop::Loop loop;
  Launcher launcher{loop};
};

TEST_F(LauncherTest, tells_the_exit_code_and_the_use) {
  Exit exit = run(shell("exit 7"));
  EXPECT_EQ(exit.status.code, 7);
  EXPECT_EQ(exit.cause, Exit::Cause::kItself);
  EXPECT_EQ(exit.not_started, "");
  EXPECT_GT(exit.max_rss_bytes, 0);
}

struct Doors final : ChildObserver {
  std::vector<sandbox::NetRule> net;
  std::vector<os::Fd> sockets;
  std::optional<Exit> exit;
  void on_started(pid_t) override {}
  void on_exit(const Exit& how) override { exit = how; }
  void on_doors(std::vector<sandbox::NetRule> to, std::vector<os::Fd> listening) override {
    net = std::move(to);
    sockets = std::move(listening);
  }
};

TEST_F(LauncherTest, a_sandbox_has_doors_and_the_host_their_sockets) {
  Launch launch = shell("exec 3<>/dev/tcp/db.example/5432 && read -u 3 word && test $word = hello");
  launch.spawn.argv[0] = "/bin/bash";
  launch.policy = sandbox::at_level(sandbox::Level::kSandbox);
  launch.policy.net = {{"db.example", 5432}, {"10.1.2.3", 80}};
  Doors seen;
  launcher.start(std::move(launch), seen);
  bool answered = false;
  while (!seen.exit) {
    loop.run_once(after(loop.now(), 1ms));
    if (seen.sockets.empty() || answered) continue;
    if (os::Fd client{accept(seen.sockets[0].get(), nullptr, nullptr)})
      answered = write(client.get(), "hello\n", 6) == 6;
  }
  if (seen.exit->not_started.find("cannot confine") != std::string::npos)
    GTEST_SKIP() << seen.exit->not_started;
  EXPECT_EQ(seen.exit->not_started, "");
  EXPECT_EQ(seen.exit->status.code, 0);
  EXPECT_EQ(seen.net, (std::vector<sandbox::NetRule>{{"db.example", 5432}, {"10.1.2.3", 80}}));
  EXPECT_EQ(seen.sockets.size(), 2u);
}

TEST_F(LauncherTest, tells_the_signal) {
  EXPECT_EQ(run(shell("kill -SEGV $$")).status.signal, SIGSEGV);
}

TEST_F(LauncherTest, tells_why_nothing_was_started) {
  Launch launch = shell("");
  launch.spawn.argv = {"/no/such/program"};
  Exit exit = run(std::move(launch));
  EXPECT_NE(exit.not_started.find("/no/such/program"), std::string::npos) << exit.not_started;
}

TEST_F(LauncherTest, refuses_the_fork_of_no_zygote) {
  Launch launch;
  launch.zygote = 12345;
  EXPECT_EQ(run(std::move(launch)).not_started, "its zygote has ended");
}

TEST_F(LauncherTest, refuses_the_fork_of_a_zygote_that_does_not_listen) {
  Seen zygote, fork;
  Launch launch = shell("exec 5<&-; sleep 600");
  launch.is_zygote = true;
  Ticket ticket = launcher.start(std::move(launch), zygote);
  Launch second;
  second.zygote = ticket;
  launcher.start(std::move(second), fork);
  run_until([&] { return fork.exit && zygote.exit; });
  EXPECT_NE(fork.exit->not_started, "");
  EXPECT_EQ(zygote.exit->status.signal, SIGKILL);
}

TEST_F(LauncherTest, kills_a_child_with_what_it_started) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  os::Fd read_end{ends[0]}, write_end{ends[1]};
  Launch launch = shell("setsid sleep 600 & echo ready; sleep 600");
  launch.spawn.fds = {{1, write_end.get()}};
  Seen seen;
  Ticket ticket = launcher.start(std::move(launch), seen);
  write_end.reset();
  char ready[16];
  ASSERT_EQ(read(read_end.get(), ready, sizeof ready), 6);
  launcher.kill(ticket);
  run_until([&] { return seen.exit.has_value(); });
  EXPECT_EQ(seen.exit->status.signal, SIGKILL);
  EXPECT_EQ(read(read_end.get(), ready, sizeof ready), 0);  // nobody holds the pipe any more
}

TEST_F(LauncherTest, tells_which_layers_there_are) {
  std::optional<Result<std::vector<sandbox::Layer>>> layers;
  loop::Scope scope{loop};
  scope.spawn(keep_layers(launcher, layers));
  run_until([&] { return layers.has_value(); });
  ASSERT_TRUE(layers->ok()) << layers->error().text();
  EXPECT_GE((*layers)->size(), 10u);
  for (const auto& layer : **layers) EXPECT_EQ(layer.is_active, layer.why.empty()) << layer.name;
  EXPECT_EQ(run(shell("exit 3")).status.code, 3);  // it goes on
}

loop::Task<> keep_limits(Launcher& launcher, std::vector<std::string>& names) {
  auto limits = co_await launcher.limits();
  for (const auto& layer : limits) names.push_back(layer.name);
}

TEST_F(LauncherTest, tells_which_limits_can_be_enforced_when_it_begins) {
  EXPECT_TRUE(launcher.limits_now().empty());
  std::vector<std::string> names;
  loop::Scope scope{loop};
  scope.spawn(keep_limits(launcher, names));
  run_until([&] { return !names.empty(); });
  EXPECT_EQ(names, (std::vector<std::string>{"memory-limit", "cpu-limit", "pids-limit"}));
  EXPECT_EQ(launcher.limits_now().size(), 3u);
}

TEST_F(LauncherTest, nobody_waits_for_the_limits_of_one_that_has_ended) {
  std::vector<std::string> names;
  kill(launcher.pid(), SIGKILL);
  run_until([&] { return launcher.ended().is_set(); });
  loop::Scope scope{loop};
  scope.spawn(keep_limits(launcher, names));
  run_until([&] { return scope.size() == 0; });
}

TEST_F(LauncherTest, tells_nobody_of_an_abandoned_child) {
  Seen abandoned;
  launcher.abandon(launcher.start(shell("sleep 600"), abandoned));
  run(shell("exit 0"));
  EXPECT_FALSE(abandoned.exit);
  EXPECT_EQ(abandoned.pid, 0);
}

// The socket to the host, among others: whoever holds it could speak for the launcher.
TEST_F(LauncherTest, a_child_has_no_descriptor_that_it_was_not_given) {
  EXPECT_EQ(
      run(shell("for fd in 3 4 5 6 7 8 9; do test -e /proc/$$/fd/$fd && exit $fd; done; exit 0"))
          .status.code,
      0);
}

TEST_F(LauncherTest, an_environment_of_300_kilobytes_arrives) {
  Launch launch = shell("test ${#C} = 100000 && test ${#A} = 100000");
  for (const char* name : {"A=", "B=", "C="})
    launch.spawn.env.push_back(name + std::string(100'000, 'x'));
  EXPECT_EQ(run(std::move(launch)).status.code, 0);
}

TEST_F(LauncherTest, many_starts_at_once_all_end) {
  std::vector<Seen> all(300);
  for (auto& seen : all) launcher.start(shell("exit 3"), seen);
  run_until([&] {
    return std::all_of(all.begin(), all.end(), [](auto& seen) { return seen.exit.has_value(); });
  });
  for (auto& seen : all) EXPECT_EQ(seen.exit->status.code, 3);
}

TEST_F(LauncherTest, its_own_end_is_the_end_of_all_and_of_what_comes_later) {
  Seen seen;
  launcher.start(shell("sleep 600"), seen);
  run_until([&] { return seen.pid > 0; });
  ::kill(launcher.pid(), SIGKILL);
  run_until([&] { return seen.exit.has_value(); });
  EXPECT_EQ(seen.exit->cause, Exit::Cause::kLauncher);
  EXPECT_EQ(run(shell("exit 0")).not_started, "the launcher has ended");
}

}  // namespace
}  // namespace trivet::launcher
