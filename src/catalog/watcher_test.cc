#include "catalog/watcher.h"

#include <gtest/gtest.h>
#include <poll.h>

#include "base/limits.h"
#include "catalog/scratch_test.h"

namespace trivet::catalog {
namespace {

namespace fs = std::filesystem;

// The kernel queues an event before the call that caused it returns, so nothing here waits.
class WatcherTest : public ::testing::Test {
 protected:
  WatcherTest() {
    clock.advance(1h);
    scratch.write("root/a.py", "1");
    scratch.write("root/sub/b.py", "1");
  }
  void watch(const fs::path& path) {
    auto opened = Watcher::open(path, clock);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    watcher = std::move(*opened);
  }
  // Whether something has been noticed since the last time; the watcher has taken it then.
  bool noticed() {
    watcher->drain();
    bool due = watcher->due().has_value();
    watcher->take();
    return due;
  }

  Scratch scratch;
  FakeClock clock;
  std::unique_ptr<Watcher> watcher;
};

TEST_F(WatcherTest, nothing_is_due_while_nothing_changes) {
  watch(scratch / "root");
  EXPECT_FALSE(noticed());
}

TEST_F(WatcherTest, every_kind_of_change_is_noticed) {
  watch(scratch / "root");
  scratch.write("root/a.py", "2");
  EXPECT_TRUE(noticed());
  scratch.write("root/new.py", "1");
  EXPECT_TRUE(noticed());
  fs::rename(scratch / "root/new.py", scratch / "root/renamed.py");
  EXPECT_TRUE(noticed());
  fs::remove(scratch / "root/renamed.py");
  EXPECT_TRUE(noticed());
  fs::permissions(scratch / "root/a.py", fs::perms::owner_read);
  EXPECT_TRUE(noticed());
  scratch.write("root/sub/b.py", "2");
  EXPECT_TRUE(noticed());
  EXPECT_FALSE(noticed());
}

TEST_F(WatcherTest, descriptor_is_readable_when_there_is_something) {
  watch(scratch / "root");
  pollfd p{watcher->fd(), POLLIN, 0};
  EXPECT_EQ(poll(&p, 1, 0), 0);
  scratch.write("root/a.py", "2");
  EXPECT_EQ(poll(&p, 1, 5000), 1);
  watcher->drain();
  EXPECT_EQ(poll(&p, 1, 0), 0);
}

TEST_F(WatcherTest, reading_a_file_is_no_change) {
  watch(scratch / "root");
  std::ifstream in{scratch / "root/a.py"};
  std::string text;
  in >> text;
  EXPECT_EQ(text, "1");
  EXPECT_FALSE(noticed());
}

TEST_F(WatcherTest, files_that_are_no_source_are_passed_over) {
  scratch.write("root/node_modules/x.js", "1");
  watch(scratch / "root");
  scratch.write("root/.hidden", "1");
  scratch.write("root/.trivet/log", "1");
  scratch.write("root/a.py~", "1");
  scratch.write("root/.a.py.swp", "1");
  scratch.write("root/node_modules/x.js", "2");
  EXPECT_FALSE(noticed());
}

TEST_F(WatcherTest, neighbours_of_the_root_are_passed_over) {
  watch(scratch / "root");
  scratch.write("beside/a.py", "1");
  scratch.write("beside.py", "1");
  EXPECT_FALSE(noticed());
}

TEST_F(WatcherTest, due_is_when_it_has_been_quiet) {
  watch(scratch / "root");
  Instant begin = clock.now();
  scratch.write("root/a.py", "2");
  watcher->drain();
  EXPECT_EQ(watcher->due(), begin + limits::kWatchDebounce);
  clock.advance(60ms);
  scratch.write("root/a.py", "3");
  watcher->drain();
  EXPECT_EQ(watcher->due(), begin + 60ms + limits::kWatchDebounce);
  clock.advance(90ms);
  watcher->drain();
  EXPECT_EQ(watcher->due(), begin + 60ms + limits::kWatchDebounce);
}

TEST_F(WatcherTest, change_that_never_ends_is_due_after_a_second) {
  watch(scratch / "root");
  Instant begin = clock.now();
  for (int i = 0; i < 30; ++i) {
    scratch.write("root/a.py", std::to_string(i));
    watcher->drain();
    clock.advance(50ms);
  }
  EXPECT_EQ(watcher->due(), begin + 1s);
}

TEST_F(WatcherTest, taking_forgets_what_was_noticed) {
  watch(scratch / "root");
  scratch.write("root/a.py", "2");
  watcher->drain();
  ASSERT_TRUE(watcher->due().has_value());
  watcher->take();
  EXPECT_EQ(watcher->due(), std::nullopt);
}

TEST_F(WatcherTest, new_folders_are_watched_once_taken) {
  watch(scratch / "root");
  scratch.write("root/fresh/deep/c.py", "1");
  EXPECT_TRUE(noticed());
  scratch.write("root/fresh/deep/c.py", "2");
  EXPECT_TRUE(noticed());
}

TEST_F(WatcherTest, root_may_vanish_and_come_back) {
  watch(scratch / "root");
  fs::remove_all(scratch / "root");
  EXPECT_TRUE(noticed());
  EXPECT_FALSE(noticed());
  scratch.write("root/a.py", "1");
  EXPECT_TRUE(noticed());
  scratch.write("root/a.py", "2");
  EXPECT_TRUE(noticed());
}

TEST_F(WatcherTest, root_may_be_swapped_for_another_folder) {
  scratch.write("next/a.py", "1");
  watch(scratch / "root");
  fs::rename(scratch / "root", scratch / "last");
  fs::rename(scratch / "next", scratch / "root");
  EXPECT_TRUE(noticed());
  scratch.write("root/a.py", "2");
  EXPECT_TRUE(noticed());
}

TEST_F(WatcherTest, root_need_not_exist_yet) {
  watch(scratch / "later");
  EXPECT_FALSE(noticed());
  scratch.write("later/a.py", "1");
  EXPECT_TRUE(noticed());
  scratch.write("later/a.py", "2");
  EXPECT_TRUE(noticed());
}

TEST_F(WatcherTest, lone_file_is_watched_through_its_folder) {
  watch(scratch / "root/a.py");
  scratch.write("root/other.py", "1");
  EXPECT_FALSE(noticed());
  scratch.write("root/a.py", "2");
  EXPECT_TRUE(noticed());
  fs::rename(scratch / "root/other.py", scratch / "root/a.py");  // as editors save
  EXPECT_TRUE(noticed());
}

}  // namespace
}  // namespace trivet::catalog
