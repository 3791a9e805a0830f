#include "telemetry/log_store.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <optional>

#include "loop/scope.h"

namespace trivet::telemetry {
namespace {

loop::Task<> await_grown(LogStore& store, Instant deadline, std::optional<bool>& out) {
  out = co_await store.grown(deadline);
}

class LogStoreTest : public ::testing::Test {
 protected:
  void say(LogStore& store, const std::string& message, const std::string& function = "f",
           const std::string& call = "") {
    LogLine line;
    line.function = function;
    line.call_id = call;
    line.message = message;
    store.write(std::move(line));
  }
  // The messages from `next` on, in one string.
  std::string read(const LogStore& store, const LogFilter& filter, uint64_t& next,
                   size_t most = 1000) {
    std::string out;
    for (const auto& line : store.read(filter, next, most, missed)) out += line.message + " ";
    return out;
  }

  loop::Loop loop;
  uint64_t missed = 0;
};

TEST_F(LogStoreTest, gives_lines_back_in_order_and_once) {
  LogStore store{loop};
  uint64_t next = 0;
  EXPECT_EQ(read(store, {}, next), "");
  say(store, "a");
  say(store, "b");
  EXPECT_EQ(read(store, {}, next), "a b ");
  EXPECT_EQ(read(store, {}, next), "");
  say(store, "c");
  EXPECT_EQ(read(store, {}, next), "c ");
  EXPECT_EQ(next, store.end());
  EXPECT_EQ(missed, 0u);
}

TEST_F(LogStoreTest, filters_by_function_and_by_call_and_by_both) {
  LogStore store{loop};
  say(store, "a", "f", "1");
  say(store, "b", "g", "1");
  say(store, "c", "f", "2");
  say(store, "d", "ff", "1");
  auto from_start = [&](const LogFilter& filter) {
    uint64_t next = 0;
    return read(store, filter, next);
  };
  EXPECT_EQ(from_start({"f", ""}), "a c ");
  EXPECT_EQ(from_start({"", "1"}), "a b d ");
  EXPECT_EQ(from_start({"f", "1"}), "a ");
  EXPECT_EQ(from_start({"g", "2"}), "");
}

TEST_F(LogStoreTest, goes_on_behind_lines_that_did_not_match) {
  LogStore store{loop};
  say(store, "a", "f");
  say(store, "b", "g");
  uint64_t next = 0;
  EXPECT_EQ(read(store, {"f", ""}, next), "a ");
  EXPECT_EQ(next, 2u);
}

TEST_F(LogStoreTest, reads_at_most_what_was_asked_for_and_goes_on_there) {
  LogStore store{loop};
  for (auto message : {"a", "b", "c", "d", "e"}) say(store, message);
  uint64_t next = 0;
  EXPECT_EQ(read(store, {}, next, 2), "a b ");
  EXPECT_EQ(next, 2u);
  EXPECT_EQ(read(store, {}, next, 2), "c d ");
  EXPECT_EQ(read(store, {}, next, 0), "");
  EXPECT_EQ(read(store, {}, next, 2), "e ");
}

TEST_F(LogStoreTest, what_limits_kept_out_is_counted_by_function) {
  LogStore store{loop};
  say(store, "a");
  EXPECT_TRUE(store.over_limit().empty());
  for (const char* function : {"f", "g", "f"}) {
    LogLine line;
    line.function = function;
    line.dropped = 5;
    store.write(line);
  }
  EXPECT_EQ(store.over_limit(), (std::map<std::string, int64_t>{{"f", 10}, {"g", 5}}));
}

TEST_F(LogStoreTest, drops_the_oldest_when_it_is_full_and_counts_them) {
  LogStore store{loop, 3};
  for (auto message : {"a", "b", "c"}) say(store, message);
  EXPECT_EQ(store.dropped(), 0u);
  for (auto message : {"d", "e"}) say(store, message);
  EXPECT_EQ(store.dropped(), 2u);
  EXPECT_EQ(store.written(), 5u);
  uint64_t next = 0;
  EXPECT_EQ(read(store, {}, next), "c d e ");
}

TEST_F(LogStoreTest, tells_a_slow_reader_how_many_it_missed_once) {
  LogStore store{loop, 3};
  say(store, "a");
  uint64_t next = 0;
  EXPECT_EQ(read(store, {}, next), "a ");
  for (auto message : {"b", "c", "d", "e", "f"}) say(store, message);
  EXPECT_EQ(read(store, {}, next), "d e f ");
  EXPECT_EQ(missed, 2u);
  EXPECT_EQ(read(store, {}, next), "");
  EXPECT_EQ(missed, 2u);
}

TEST_F(LogStoreTest, tail_is_the_last_lines_that_match) {
  LogStore store{loop};
  for (auto message : {"a", "b", "c", "d"}) {
    say(store, message, "f");
    say(store, message, "g");
  }
  auto last = [&](const LogFilter& filter, size_t count) {
    uint64_t next = store.tail(filter, count);
    return read(store, filter, next);
  };
  EXPECT_EQ(last({"f", ""}, 2), "c d ");
  EXPECT_EQ(last({}, 3), "c d d ");
  EXPECT_EQ(last({"f", ""}, 4), "a b c d ");
  EXPECT_EQ(last({"f", ""}, 100), "a b c d ");
  EXPECT_EQ(last({"h", ""}, 2), "");
  EXPECT_EQ(store.tail({}, 0), store.end());
}

TEST_F(LogStoreTest, tail_of_a_store_that_dropped_lines_misses_nothing) {
  LogStore store{loop, 3};
  for (auto message : {"a", "b", "c", "d", "e"}) say(store, message);
  uint64_t next = store.tail({}, 100);
  EXPECT_EQ(read(store, {}, next), "c d e ");
  EXPECT_EQ(missed, 0u);
}

TEST_F(LogStoreTest, tee_is_given_every_line_as_it_comes) {
  LogStore store{loop, 1};
  std::string seen;
  say(store, "a");
  store.set_tee([&seen](const LogLine& line) { seen += line.message; });
  say(store, "b");
  say(store, "c");
  EXPECT_EQ(seen, "bc");
}

TEST_F(LogStoreTest, a_new_line_wakes_everybody_who_waits) {
  LogStore store{loop};
  loop::Scope scope{loop};
  say(store, "before");
  std::optional<bool> first, second;
  scope.spawn(await_grown(store, kNever, first));
  scope.spawn(await_grown(store, kNever, second));
  loop.run_once(loop.now());
  EXPECT_FALSE(first.has_value()) << "woken by a line of the past";
  say(store, "now");
  loop.run_once();
  EXPECT_EQ(first, true);
  EXPECT_EQ(second, true);
}

TEST_F(LogStoreTest, who_waits_again_does_not_put_others_off) {
  LogStore store{loop};
  loop::Scope scope{loop};
  std::optional<bool> first, second;
  scope.spawn(await_grown(store, kNever, first));
  say(store, "now");
  scope.spawn(await_grown(store, kNever, second));
  loop.run_once();
  EXPECT_EQ(first, true);
  EXPECT_FALSE(second.has_value());
}

TEST_F(LogStoreTest, waiting_for_a_line_ends_at_the_deadline) {
  LogStore store{loop};
  loop::Scope scope{loop};
  std::optional<bool> grown;
  scope.spawn(await_grown(store, loop.now() + 1ms, grown));
  while (!grown) loop.run_once();
  EXPECT_EQ(grown, false);
}

TEST(LogLineAsJson, has_every_field) {
  LogLine line;
  line.time_ms = 1'700'000'000'123;
  line.function = "f";
  line.call_id = "c1";
  line.level = LogLevel::kWarn;
  line.stream = LogStream::kStdout;
  line.message = "said \"hello\"\n\x01";
  line.fields = R"({"a":[1]})";
  line.worker = 42;
  auto json = boost::json::parse(to_json(line));
  EXPECT_EQ(json.as_object().size(), 8u);
  EXPECT_EQ(json.at("time_ms"), 1'700'000'000'123);
  EXPECT_EQ(json.at("function"), "f");
  EXPECT_EQ(json.at("call_id"), "c1");
  EXPECT_EQ(json.at("level"), "warn");
  EXPECT_EQ(json.at("stream"), "stdout");
  EXPECT_EQ(json.at("message"), "said \"hello\"\n\x01");
  EXPECT_EQ(json.at_pointer("/fields/a/0"), 1);
  EXPECT_EQ(json.at("worker"), 42);
}

TEST(LogLineAsJson, a_line_about_no_call_says_null_and_leaves_out_the_fields) {
  auto json = boost::json::parse(to_json(LogLine{}));
  EXPECT_TRUE(json.at("call_id").is_null());
  EXPECT_FALSE(json.as_object().contains("fields"));
}

}  // namespace
}  // namespace trivet::telemetry
