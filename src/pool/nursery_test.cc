#include "pool/nursery.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>

namespace trivet::pool {
namespace {

struct Lines final : LogSink {
  std::vector<LogLine> all;
  void write(LogLine line) override { all.push_back(std::move(line)); }
};

// The blank workers of these tests are lines of /bin/sh that say a byte on descriptor 4.
class NurseryTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(launcher.open()); }
  Nursery::Plan plan(std::string script, catalog::Start start = catalog::Start::kSpare) {
    Nursery::Plan plan;
    plan.runtime = "toy";
    plan.start = start;
    plan.argv = {"/bin/sh", "-c", std::move(script)};
    plan.env = {"PATH=/usr/bin:/bin"};
    plan.spare_bytes = int64_t{1} << 30;
    return plan;
  }
  template <typename Done>
  void run_until(Done done) {
    while (!done()) loop.run_once();
  }
  static bool has_ready(const Nursery& nursery) {
    auto rows = nursery.rows();
    return std::any_of(rows.begin(), rows.end(), [](auto& row) { return row.is_ready; });
  }
  loop::Loop loop;
  RealClock clock;
  Lines logs;
  launcher::Launcher launcher{loop};
  worker::Process::Surroundings around{loop, clock, logs, launcher};
};

constexpr const char* kReady = "printf x >&4; exec sleep 600";

TEST_F(NurseryTest, keeps_nothing_of_a_runtime_whose_programs_are_started) {
  Nursery nursery{around, plan(kReady, catalog::Start::kExec)};
  nursery.open();
  EXPECT_FALSE(nursery.take());
  EXPECT_TRUE(nursery.rows().empty());
}

TEST_F(NurseryTest, a_spare_is_taken_once_and_replaced) {
  Nursery nursery{around, plan(kReady)};
  nursery.open();
  EXPECT_FALSE(nursery.take());  // not ready yet
  run_until([&] { return has_ready(nursery); });
  auto first = nursery.take();
  ASSERT_TRUE(first);
  EXPECT_FALSE(nursery.take());
  run_until([&] { return has_ready(nursery); });
  auto second = nursery.take();
  ASSERT_TRUE(second);
  EXPECT_NE(first->process->pid(), second->process->pid());
  EXPECT_TRUE(first->process->alive());  // the nursery's no more
  EXPECT_FALSE(nursery.take_zygote());
}

TEST_F(NurseryTest, a_spare_knows_what_it_is) {
  Nursery nursery{around, plan("test \"$TRIVET_SPARE\" = 1 && printf x >&4; exec sleep 600")};
  nursery.open();
  run_until([&] { return has_ready(nursery); });
  EXPECT_EQ(nursery.rows().size(), 1u);
  EXPECT_FALSE(nursery.rows()[0].is_zygote);
}

TEST_F(NurseryTest, a_spare_that_dies_is_replaced_and_told_of) {
  Nursery nursery{around, plan(kReady)};
  nursery.open();
  run_until([&] { return has_ready(nursery); });
  int pid = nursery.rows()[0].pid;
  ::kill(pid, SIGKILL);
  run_until([&] { return !nursery.last_end().empty(); });
  EXPECT_EQ(nursery.last_end(), "signal SIGKILL");
  EXPECT_EQ(logs.all.back().message, "a spare of toy ended: signal SIGKILL");
  run_until([&] { return has_ready(nursery); });
  EXPECT_NE(nursery.rows()[0].pid, pid);
}

TEST_F(NurseryTest, one_that_never_lives_is_started_again_less_and_less) {
  Nursery nursery{around, plan("exit 3")};
  nursery.open();
  Instant begun = loop.now();
  run_until([&] { return logs.all.size() >= 4; });
  EXPECT_GE(loop.now() - begun, 300ms);  // 0, 0, 200, 400 ms apart, at the least
  EXPECT_EQ(nursery.last_end(), "exit code 3");
  EXPECT_FALSE(nursery.take());
}

TEST_F(NurseryTest, one_that_does_not_become_ready_is_ended_and_replaced) {
  Nursery::Plan silent = plan("exec sleep 600");
  silent.ready_within = 20ms;
  Nursery nursery{around, silent};
  nursery.open();
  run_until([&] { return logs.all.size() >= 2; });
  EXPECT_EQ(nursery.last_end(), "signal SIGKILL");
}

TEST_F(NurseryTest, what_cannot_be_started_says_why) {
  Nursery::Plan broken = plan("");
  broken.argv = {"/no/such/program"};
  Nursery nursery{around, broken};
  nursery.open();
  run_until([&] { return !nursery.last_end().empty(); });
  EXPECT_NE(nursery.last_end().find("/no/such/program"), std::string::npos);
}

TEST_F(NurseryTest, forks_of_a_zygote_that_ends_are_refused_and_another_is_started) {
  Nursery nursery{
      around,
      plan("test \"$TRIVET_ZYGOTE\" = 1 && test -e /proc/$$/fd/5 && printf x >&4; exec sleep 600",
           catalog::Start::kZygote)};
  nursery.open();
  EXPECT_FALSE(nursery.take_zygote());
  run_until([&] { return has_ready(nursery); });
  auto fork = nursery.take();
  ASSERT_TRUE(fork);
  bool ended = false;
  fork->process->when_ended([&](worker::Process&) { ended = true; });
  ::kill(nursery.rows()[0].pid, SIGKILL);
  run_until([&] { return ended; });
  EXPECT_EQ(fork->process->obituary().exit.not_started, "its zygote has ended");
  run_until([&] { return has_ready(nursery); });
}

}  // namespace
}  // namespace trivet::pool
