#include "base/error.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <set>

#include "base/result.h"

namespace trivet {
namespace {

constexpr int kCodes = static_cast<int>(ErrorCode::kInternal) + 1;

TEST(ErrorTable, every_code_has_a_name_of_its_own_that_is_read_back) {
  std::set<std::string_view> names;
  for (int i = 0; i < kCodes; ++i) {
    auto code = static_cast<ErrorCode>(i);
    names.insert(traits(code).name);
    EXPECT_EQ(code_from_name(traits(code).name), code) << traits(code).name;
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(kCodes));
}

TEST(ErrorTable, every_row_is_filled_in_with_values_that_programs_take) {
  for (int i = 0; i < kCodes; ++i) {
    const ErrorTraits& row = traits(static_cast<ErrorCode>(i));
    EXPECT_EQ(row.name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_"), std::string_view::npos);
    EXPECT_TRUE(row.http_status >= 400 && row.http_status <= 599) << row.name;
    EXPECT_TRUE(row.exit_code > 0 && row.exit_code < 128) << row.name;
    EXPECT_FALSE(row.component.empty()) << row.name;
    EXPECT_FALSE(row.title.empty()) << row.name;
  }
}

TEST(ErrorTable, rows_stand_in_the_order_of_the_codes) {
  const std::pair<ErrorCode, std::string_view> table[] = {
      {ErrorCode::kFunctionNotFound, "FUNCTION_NOT_FOUND"},
      {ErrorCode::kMethodNotAllowed, "METHOD_NOT_ALLOWED"},
      {ErrorCode::kNotSupported, "NOT_SUPPORTED"},
      {ErrorCode::kUnauthorized, "UNAUTHORIZED"},
      {ErrorCode::kCircuitOpen, "CIRCUIT_OPEN"},
      {ErrorCode::kBuildFailed, "BUILD_FAILED"},
      {ErrorCode::kFunctionError, "FUNCTION_ERROR"},
      {ErrorCode::kFunctionTimeout, "FUNCTION_TIMEOUT"},
      {ErrorCode::kCancelled, "CANCELLED"},
      {ErrorCode::kIo, "IO_ERROR"},
      {ErrorCode::kInternal, "INTERNAL"}};
  for (auto [code, name] : table) EXPECT_EQ(traits(code).name, name);
  EXPECT_EQ(traits(ErrorCode::kFunctionTimeout).http_status, 504);
  EXPECT_EQ(traits(ErrorCode::kFunctionTimeout).exit_code, 124);
  EXPECT_EQ(traits(ErrorCode::kFunctionNotFound).exit_code, 4);
}

TEST(ErrorTable, an_unknown_name_is_internal) {
  for (std::string_view name : {"", "function_error", "FUNCTION", "NO_SUCH_CODE"})
    EXPECT_EQ(code_from_name(name), ErrorCode::kInternal) << name;
}

TEST(Error, text_has_the_hint_only_when_there_is_one) {
  EXPECT_EQ((Error{ErrorCode::kIo, "the disk is full"}).text(), "IO_ERROR: the disk is full");
  EXPECT_EQ((Error{ErrorCode::kIo, "the disk is full", "make room"}).text(),
            "IO_ERROR: the disk is full (make room)");
}

TEST(Error, details_stay_in_order) {
  Error error = Error{ErrorCode::kBuildFailed, "m"}.with("b", "1").with("a", "2").with("b", "3");
  ASSERT_EQ(error.details.size(), 3u);
  EXPECT_EQ(error.details[0], (std::pair<std::string, std::string>{"b", "1"}));
  EXPECT_EQ(error.details[1], (std::pair<std::string, std::string>{"a", "2"}));
  EXPECT_EQ(error.details[2], (std::pair<std::string, std::string>{"b", "3"}));
}

TEST(Error, of_the_system_says_what_and_why) {
  Error error = io_error("cannot read /x", ENOENT);
  EXPECT_EQ(error.code, ErrorCode::kIo);
  EXPECT_EQ(error.message, "cannot read /x: No such file or directory");
}

TEST(ResultOf, a_value_is_ok_and_can_be_moved_out) {
  Result<std::unique_ptr<int>> result{std::make_unique<int>(7)};
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(static_cast<bool>(result));
  EXPECT_EQ(**result, 7);
  std::unique_ptr<int> taken = *std::move(result);
  EXPECT_EQ(*taken, 7);
}

TEST(ResultOf, an_error_is_not_ok_and_keeps_everything) {
  Result<int> result = Error{ErrorCode::kOverloaded, "full", "later"}.with("queue", "100");
  ASSERT_FALSE(result.ok());
  EXPECT_FALSE(static_cast<bool>(result));
  EXPECT_EQ(result.error().code, ErrorCode::kOverloaded);
  Error taken = std::move(result).error();
  EXPECT_EQ(taken.text(), "OVERLOADED: full (later)");
  EXPECT_EQ(taken.details.size(), 1u);
}

TEST(ResultOf, zero_and_empty_are_values) {
  Result<int> zero{0};
  Result<std::string> empty{std::string{}};
  EXPECT_TRUE(zero.ok());
  EXPECT_TRUE(empty.ok());
  EXPECT_TRUE(empty->empty());
}

TEST(ResultOf, reading_the_value_of_a_failure_never_goes_on) {
  Result<int> failed = Error{ErrorCode::kInternal, "no"};
  EXPECT_THROW(static_cast<void>(*failed), std::bad_variant_access);
}

TEST(StatusOf, is_ok_until_made_from_an_error) {
  EXPECT_TRUE(Status{}.ok());
  Status failed = Error{ErrorCode::kUnavailable, "draining"};
  ASSERT_FALSE(failed.ok());
  EXPECT_FALSE(static_cast<bool>(failed));
  EXPECT_EQ(failed.error().text(), "UNAVAILABLE: draining");
}

}  // namespace
}  // namespace trivet
