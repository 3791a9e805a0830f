#include "base/log.h"

#include <gtest/gtest.h>

namespace trivet {
namespace {

TEST(LogLevel, every_name_is_read_back) {
  for (LogLevel level : {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarn, LogLevel::kError})
    EXPECT_EQ(log_level(name(level)), level) << name(level);
  EXPECT_EQ(name(LogLevel::kDebug), "debug");
  EXPECT_EQ(name(LogLevel::kError), "error");
}

TEST(LogLevel, unknown_names_are_info) {
  for (std::string_view text : {"", "DEBUG", "warning", "err", "debug "})
    EXPECT_EQ(log_level(text), LogLevel::kInfo) << text;
}

TEST(LogStream, is_named_as_programs_name_it) {
  EXPECT_EQ(name(LogStream::kLog), "log");
  EXPECT_EQ(name(LogStream::kStdout), "stdout");
  EXPECT_EQ(name(LogStream::kStderr), "stderr");
}

TEST(LogLine, is_an_info_line_about_nothing_until_filled_in) {
  LogLine line;
  EXPECT_EQ(line.level, LogLevel::kInfo);
  EXPECT_EQ(line.stream, LogStream::kLog);
  EXPECT_TRUE(line.call_id.empty());
}

}  // namespace
}  // namespace trivet
