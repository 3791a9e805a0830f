#include "worker/reply_meta.h"

#include <gtest/gtest.h>

namespace trivet::worker {
namespace {

Result<Reply> read(const char* meta) {
  return read_reply_meta(wire::parse_json(meta)->as_object());
}

TEST(ReplyMeta, status_and_headers) {
  auto reply = read(R"({"status": 418, "headers": [["a", "b"], ["c"], 7]})");
  ASSERT_TRUE(reply.ok());
  EXPECT_EQ(reply->status, 418);
  EXPECT_EQ(reply->headers, (HeaderList{{"a", "b"}}));
  EXPECT_EQ(read("{}")->status, 200);
  EXPECT_EQ(read(R"({"status": 200.0})")->status, 200);
}

TEST(ReplyMeta, a_status_that_cannot_be_passed_on) {
  for (const char* status :
       {"999", "0", "-1", "100", "101", "199", "600", "200.5", "\"200\"", "1e300"}) {
    auto reply = read(("{\"status\": " + std::string{status} + "}").c_str());
    ASSERT_FALSE(reply.ok()) << status;
    EXPECT_EQ(reply.error().code, ErrorCode::kInvalidOutput);
  }
  EXPECT_NE(read(R"({"status": 999})").error().message.find("999"), std::string::npos);
}

}  // namespace
}  // namespace trivet::worker
