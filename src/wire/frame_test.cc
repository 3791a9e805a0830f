#include "wire/frame.h"

#include <gtest/gtest.h>

namespace trivet::wire {
namespace {

TEST(Frame, comes_out_as_it_went_in_however_it_is_split) {
  std::string bytes;
  append_frame(bytes, FrameType::kCall, 7, R"({"id":"x"})", "body", More::kYes);
  append_frame(bytes, FrameType::kReply, 8, {}, std::string(100'000, 'y'));
  for (size_t step : {size_t{1}, size_t{3}, size_t{4096}, bytes.size()}) {
    FrameDecoder decoder{1 << 20};
    std::vector<std::string> seen;
    for (size_t at = 0; at < bytes.size(); at += step) {
      decoder.feed(std::string_view{bytes}.substr(at, step));
      for (;;) {
        auto frame = decoder.next();
        ASSERT_TRUE(frame.ok());
        if (!*frame) break;
        seen.push_back(std::string{name((*frame)->type)} + std::to_string((*frame)->call) +
                       std::string{(*frame)->meta} + std::to_string((*frame)->body.size()) +
                       ((*frame)->more == More::kYes ? "+" : ""));
      }
    }
    EXPECT_EQ(seen, (std::vector<std::string>{R"(CALL7{"id":"x"}4+)", "REPLY8100000"})) << step;
    EXPECT_FALSE(decoder.mid_frame());
  }
}

struct Refused {
  const char* what;
  std::string header;
};

TEST(Frame, a_bad_header_is_refused_before_its_body_comes) {
  using namespace std::string_literals;
  const std::vector<Refused> table{
      {"below 12", "\0\0\0\x0b\x43\0\0\0\0\0\0\0\0\0\0\0"s},
      {"over the limit", "\x7f\0\0\0\x43\0\0\0\0\0\0\0\0\0\0\0"s},
      {"meta length", "\0\0\0\x0c\x43\0\0\0\0\0\0\0\0\0\0\x01"s},
      {"reserved", "\0\0\0\x0c\x43\x02\0\0\0\0\0\0\0\0\0\0"s},
      {"reserved", "\0\0\0\x0c\x43\0\0\x01\0\0\0\0\0\0\0\0"s},
  };
  for (const auto& row : table) {
    FrameDecoder decoder{1000};
    decoder.feed(row.header);
    auto frame = decoder.next();
    ASSERT_FALSE(frame.ok()) << row.what;
    EXPECT_NE(frame.error().message.find(row.what), std::string::npos) << frame.error().message;
    EXPECT_FALSE(decoder.next().ok()) << "it stays failed";
  }
}

TEST(Frame, the_limit_holds_on_both_sides) {
  for (size_t extra : {0u, 1u}) {
    std::string bytes;
    append_frame(bytes, FrameType::kReply, 1, {}, std::string(88 + extra, 'x'));
    FrameDecoder decoder{100};
    decoder.feed(bytes);
    EXPECT_EQ(decoder.next().ok(), extra == 0);
  }
}

}  // namespace
}  // namespace trivet::wire
