#include "telemetry/log_relay.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "base/limits.h"

namespace trivet::telemetry {
namespace {

struct Kept final : LogSink {
  void write(LogLine line) override { lines.push_back(std::move(line)); }
  std::vector<LogLine> lines;
};

LogLine line(std::string message) {
  LogLine out;
  out.message = std::move(message);
  return out;
}

TEST(LogRelay, lines_of_another_thread_come_in_order_and_before_what_it_posts_after_them) {
  loop::Loop loop;
  Kept store;
  LogRelay relay{loop, store};
  bool told = false;
  std::thread other{[&] {
    for (int i = 0; i < 1000; ++i) relay.write(line(std::to_string(i)));
    loop.post([&] {
      told = true;
      EXPECT_EQ(store.lines.size(), 1000u);
    });
  }};
  while (!told) loop.run_once();
  other.join();
  for (size_t i = 0; i < store.lines.size(); ++i)
    EXPECT_EQ(store.lines[i].message, std::to_string(i));
}

TEST(LogRelay, what_comes_too_fast_is_dropped_and_said) {
  loop::Loop loop;
  Kept store;
  LogRelay relay{loop, store};
  for (size_t i = 0; i < limits::kLogStoreLines + 7; ++i) relay.write(line("x"));
  loop.run_until_quiet();
  ASSERT_EQ(store.lines.size(), limits::kLogStoreLines + 1);
  EXPECT_EQ(store.lines.back().message, "7 log lines came too fast and were dropped");
  relay.write(line("later"));
  loop.run_until_quiet();
  EXPECT_EQ(store.lines.back().message, "later");
}

}  // namespace
}  // namespace trivet::telemetry
