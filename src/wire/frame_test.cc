#include "wire/frame.h"

#include <gtest/gtest.h>

#include <ctime>
#include <vector>

namespace trivet::wire {
namespace {

constexpr size_t kLimit = 33 * limits::kMiB;

std::string encode(FrameType type, uint32_t call, std::string_view meta, std::string_view body,
                   More more = More::kNo) {
  std::string out;
  append_frame(out, type, call, meta, body, more);
  return out;
}

std::string bytes(std::initializer_list<int> values) {
  std::string out;
  for (int v : values) out.push_back(static_cast<char>(v));
  return out;
}

// The bytes of a header with these fields.
std::string header(uint32_t length, int type, int flags, int zero, uint32_t meta_length) {
  auto part = [](uint32_t v, int shift) { return static_cast<int>(v >> shift & 0xFF); };
  return bytes({part(length, 24), part(length, 16), part(length, 8), part(length, 0), type, flags,
                zero >> 8, zero & 0xFF, 0, 0, 0, 1, part(meta_length, 24), part(meta_length, 16),
                part(meta_length, 8), part(meta_length, 0)});
}

TEST(Frame, encoding_is_the_documented_layout) {
  std::string expected = bytes({0, 0, 0, 17, 67, 1, 0, 0, 0x01, 0x02, 0x03, 0x04, 0, 0, 0, 2});
  EXPECT_EQ(encode(FrameType::kReply, 0x01020304, "{}", "abc", More::kYes), expected + "{}abc");
}

TEST(Frame, head_and_body_written_apart_equal_one_write) {
  std::string apart;
  append_frame_head(apart, FrameType::kCall, 9, "{\"a\":1}", 4);
  apart += "body";
  EXPECT_EQ(apart, encode(FrameType::kCall, 9, "{\"a\":1}", "body"));
}

TEST(Frame, every_type_has_the_name_of_the_document) {
  const std::pair<int, std::string_view> table[] = {
      {1, "LOAD"},     {2, "CALL"},    {3, "CHUNK"},    {4, "CANCEL"},   {5, "PING"},
      {6, "ANSWER"},   {7, "FORK"},    {8, "DRAIN"},    {9, "CREDIT"},   {65, "HELLO"},
      {66, "READY"},   {67, "REPLY"},  {68, "ERROR"},   {69, "LOG"},     {70, "PONG"},
      {71, "ASK"},     {72, "FORKED"}, {0, "UNKNOWN"},  {10, "UNKNOWN"}, {64, "UNKNOWN"},
      {73, "UNKNOWN"}, {74, "BUSY"},   {255, "UNKNOWN"}};
  for (auto [value, expected] : table) EXPECT_EQ(name(static_cast<FrameType>(value)), expected);
}

TEST(FrameDecoder, frame_arrives_whole_and_comes_out_as_it_went_in) {
  FrameDecoder decoder{kLimit};
  decoder.feed(encode(FrameType::kLog, 7, "{\"level\":\"info\"}", std::string_view{"\0\n\xff", 3}));
  auto frame = decoder.next();
  ASSERT_TRUE(frame.ok() && *frame);
  EXPECT_EQ((*frame)->type, FrameType::kLog);
  EXPECT_EQ((*frame)->call, 7u);
  EXPECT_EQ((*frame)->more, More::kNo);
  EXPECT_EQ((*frame)->meta, "{\"level\":\"info\"}");
  EXPECT_EQ((*frame)->body, (std::string_view{"\0\n\xff", 3}));
  EXPECT_FALSE(*decoder.next());
  EXPECT_FALSE(decoder.mid_frame());
}

TEST(FrameDecoder, bytes_arrive_one_by_one_and_missing_counts_down) {
  std::string all = encode(FrameType::kCall, 1, "{}", "hello");
  FrameDecoder decoder{kLimit};
  EXPECT_EQ(decoder.missing(), 0u);
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(decoder.mid_frame(), i > 0);
    EXPECT_FALSE(*decoder.next());
    size_t known = i < limits::kFrameHeader ? limits::kFrameHeader : all.size();
    EXPECT_EQ(decoder.missing(), i == 0 ? 0 : known - i);
    decoder.feed({&all[i], 1});
  }
  EXPECT_EQ(decoder.missing(), 0u);
  auto frame = decoder.next();
  ASSERT_TRUE(*frame);
  EXPECT_EQ((*frame)->body, "hello");
}

TEST(FrameDecoder, many_frames_in_one_read_come_out_in_order) {
  std::string all;
  for (uint32_t call = 0; call < 1000; ++call)
    append_frame(all, FrameType::kReply, call, "", std::string(call % 50, 'x'));
  FrameDecoder decoder{kLimit};
  decoder.feed(all);
  for (uint32_t call = 0; call < 1000; ++call) {
    auto frame = decoder.next();
    ASSERT_TRUE(*frame);
    EXPECT_EQ((*frame)->call, call);
    EXPECT_EQ((*frame)->body.size(), call % 50);
  }
  EXPECT_FALSE(*decoder.next());
}

struct Refused {
  std::string_view why;
  std::string header;
  std::string_view message;
};

TEST(FrameDecoder, wrong_header_is_refused_before_its_body_comes) {
  constexpr uint32_t kSmall = 1000;
  const Refused table[] = {
      {"length under 12", header(11, 67, 0, 0, 0), "length 11 is below 12"},
      {"length zero", header(0, 67, 0, 0, 0), "below 12"},
      {"over the limit", header(kSmall + 1, 67, 0, 0, 0), "over the limit of 1000"},
      {"largest length", header(0xFFFFFFFF, 67, 0, 0, 0), "over the limit"},
      {"meta over the frame", header(20, 67, 0, 0, 9), "meta length 9 does not fit"},
      {"largest meta", header(20, 67, 0, 0, 0xFFFFFFFF), "does not fit"},
      {"unknown flag", header(12, 67, 2, 0, 0), "reserved bits"},
      {"more and unknown flag", header(12, 67, 0x81, 0, 0), "reserved bits"},
      {"first zero byte", header(12, 67, 0, 0x0100, 0), "reserved bits"},
      {"second zero byte", header(12, 67, 0, 0x0001, 0), "reserved bits"},
      {"text instead of a frame", "Hello, world!\n..", "over the limit"},
  };
  for (const auto& row : table) {
    FrameDecoder decoder{kSmall};
    decoder.feed(row.header);
    auto frame = decoder.next();
    ASSERT_FALSE(frame.ok()) << row.why;
    EXPECT_EQ(frame.error().code, ErrorCode::kInvalidOutput) << row.why;
    EXPECT_NE(frame.error().message.find(row.message), std::string::npos) << frame.error().message;
    decoder.feed(encode(FrameType::kReply, 1, "", "fine"));
    EXPECT_FALSE(decoder.next().ok()) << row.why << ": nothing behind it can be trusted";
  }
}

TEST(FrameDecoder, limits_themselves_are_allowed) {
  FrameDecoder decoder{limits::kFrameMetaMax + 12};
  decoder.feed(encode(FrameType::kHello, 0, std::string(limits::kFrameMetaMax, ' '), ""));
  auto frame = decoder.next();
  ASSERT_TRUE(frame.ok() && *frame);
  EXPECT_EQ((*frame)->meta.size(), limits::kFrameMetaMax);

  FrameDecoder roomy{kLimit};
  roomy.feed(encode(FrameType::kHello, 0, std::string(limits::kFrameMetaMax + 1, ' '), ""));
  EXPECT_FALSE(roomy.next().ok());
}

TEST(FrameDecoder, empty_frame_is_a_frame) {
  FrameDecoder decoder{12};
  decoder.feed(encode(FrameType::kReady, 0, "", ""));
  auto frame = decoder.next();
  ASSERT_TRUE(frame.ok() && *frame);
  EXPECT_TRUE((*frame)->meta.empty());
  EXPECT_TRUE((*frame)->body.empty());
}

TEST(FrameDecoder, comes_out_as_it_went_in_however_it_is_split) {
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

TEST(FrameDecoder, the_limit_holds_on_both_sides) {
  for (size_t extra : {0u, 1u}) {
    std::string bytes;
    append_frame(bytes, FrameType::kReply, 1, {}, std::string(88 + extra, 'x'));
    FrameDecoder decoder{100};
    decoder.feed(bytes);
    EXPECT_EQ(decoder.next().ok(), extra == 0);
  }
}

// What a decoder does with a large frame that comes in reads of 64 KiB.
struct Transfer {
  size_t body = 0;  // what came out
  double cpu_seconds = 0;
};

Transfer transfer(size_t body_size) {
  std::string all = encode(FrameType::kReply, 1, "", std::string(body_size, 'x'));
  FrameDecoder decoder{4 * kLimit};
  Transfer seen;
  std::clock_t start = std::clock();
  for (size_t at = 0; at < all.size(); at += 64 * limits::kKiB) {
    decoder.feed(std::string_view{all}.substr(at, 64 * limits::kKiB));
    auto frame = decoder.next();
    if (frame && *frame) seen.body = (*frame)->body.size();
  }
  seen.cpu_seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  return seen;
}

TEST(FrameDecoder, large_frame_in_small_reads_takes_linear_time) {
  EXPECT_EQ(transfer(32 * limits::kMiB).body, 32 * limits::kMiB);
  // A quadratic decoder copies the whole frame at each of 512 reads: 8 GiB, seconds.
  EXPECT_LT(transfer(32 * limits::kMiB).cpu_seconds, 1.0);
}

TEST(FrameDecoder, buffer_grows_to_the_frame_and_is_let_go_after_it) {
  FrameDecoder decoder{kLimit};
  decoder.feed(encode(FrameType::kReply, 1, "", std::string(32 * limits::kMiB, 'x')));
  size_t frame = 32 * limits::kMiB + limits::kFrameHeader;
  EXPECT_LE(decoder.capacity(), frame);
  ASSERT_TRUE(*decoder.next());
  EXPECT_FALSE(*decoder.next());
  EXPECT_EQ(decoder.capacity(), 0u);
  decoder.feed(encode(FrameType::kPong, 0, "", ""));
  EXPECT_LE(decoder.capacity(), limits::kKiB);
  EXPECT_EQ((*decoder.next())->type, FrameType::kPong);
}

TEST(FrameDecoder, buffer_is_let_go_even_when_it_is_never_quite_empty) {
  std::string large = encode(FrameType::kReply, 1, "", std::string(32 * limits::kMiB, 'x'));
  std::string small = encode(FrameType::kReply, 2, "", "0123456789");
  FrameDecoder decoder{kLimit};
  decoder.feed(large + small.substr(0, 5));
  ASSERT_TRUE(*decoder.next());
  for (int i = 0; i < 10; ++i) {
    decoder.feed(small.substr(5) + small.substr(0, 5));
    auto frame = decoder.next();
    ASSERT_TRUE(frame.ok() && *frame) << i;
    EXPECT_EQ((*frame)->body, "0123456789");
    EXPECT_TRUE(decoder.mid_frame());
  }
  EXPECT_LE(decoder.capacity(), limits::kMiB);
}

TEST(FrameDecoder, stream_of_small_frames_keeps_the_buffer_small) {
  std::string small = encode(FrameType::kReply, 2, "{}", std::string(100, 'x'));
  std::string all;
  for (int i = 0; i < 5000; ++i) all += small;
  FrameDecoder decoder{kLimit};
  size_t frames = 0;
  for (size_t at = 0; at < all.size(); at += 4093) {  // never at the end of a frame
    std::string_view piece = std::string_view{all}.substr(at, 4093);
    char* room = decoder.room(4096);
    piece.copy(room, piece.size());
    decoder.added(piece.size());
    for (auto frame = decoder.next(); *frame; frame = decoder.next()) ++frames;
  }
  EXPECT_EQ(frames, 5000u);
  EXPECT_LE(decoder.capacity(), 16 * limits::kKiB);
}

}  // namespace
}  // namespace trivet::wire
