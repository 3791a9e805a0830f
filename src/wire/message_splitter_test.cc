#include "wire/message_splitter.h"

#include <gtest/gtest.h>

#include <vector>

namespace trivet::wire {
namespace {

using namespace std::string_view_literals;

struct Outcome {
  std::vector<std::string> messages;
  std::vector<uint64_t> offsets;
  std::string error;
  bool mid = false;
};

Outcome split(Framing framing, std::string_view bytes, size_t piece, size_t most = 20) {
  MessageSplitter splitter{framing, most};
  Outcome out;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    splitter.feed(bytes.substr(0, piece));
    for (;;) {
      auto message = splitter.next();
      if (!message) out.error = message.error().message;
      if (!message) return out;
      if (!*message) break;
      out.messages.emplace_back(**message);
      out.offsets.push_back(splitter.offset());
    }
  }
  out.mid = splitter.mid_message();
  return out;
}

TEST(MessageSplitter, messages_do_not_depend_on_the_cuts) {
  for (size_t piece : {1, 2, 3, 7, 100}) {
    auto packets = split(Framing::kPacket4, "\0\0\0\2hi\0\0\0\0\0\0\0\3you"sv, piece);
    EXPECT_EQ(packets.messages, (std::vector<std::string>{"hi", "", "you"})) << piece;
    EXPECT_EQ(packets.offsets, (std::vector<uint64_t>{4, 10, 14})) << piece;
    EXPECT_FALSE(packets.mid);
    auto lines = split(Framing::kLines, "hi\n\n\r\nyou\r\n\nx", piece);
    EXPECT_EQ(lines.messages, (std::vector<std::string>{"hi", "you"})) << piece;
    EXPECT_EQ(lines.offsets, (std::vector<uint64_t>{0, 6})) << piece;
    EXPECT_TRUE(lines.mid);
  }
}

TEST(MessageSplitter, a_message_over_the_limit_is_refused_at_its_head) {
  auto packet = split(Framing::kPacket4, "\0\0\0\1x\0\0\0\x15"sv, 1);
  EXPECT_EQ(packet.messages.size(), 1u);
  EXPECT_EQ(packet.error, "a message at byte 5 is over the limit of 20 bytes: 21 bytes");
  auto line = split(Framing::kLines, "x\n" + std::string(21, 'y'), 1);
  EXPECT_EQ(line.messages.size(), 1u);
  EXPECT_NE(line.error.find("at byte 2 is over the limit of 20"), std::string::npos) << line.error;
  EXPECT_TRUE(split(Framing::kLines, std::string(20, 'y') + "\r\n", 1).error.empty());
  EXPECT_TRUE(split(Framing::kPacket4, "\0\0\0\x14"sv, 4).error.empty());
}

TEST(MessageSplitter, nothing_is_read_after_an_error) {
  MessageSplitter splitter{Framing::kPacket4, 1};
  splitter.feed("\0\0\0\2xx"sv);
  EXPECT_FALSE(splitter.next().ok());
  splitter.feed("\0\0\0\1x"sv);
  EXPECT_FALSE(splitter.next().ok());
}

TEST(MessageSplitter, what_was_framed_is_found_again) {
  std::string out = "before";
  size_t begun = begin_message(out, Framing::kPacket4);
  out += "{\n}";
  end_message(out, Framing::kPacket4, begun);
  EXPECT_EQ(out, "before\0\0\0\3{\n}"sv);
  out.clear();
  begun = begin_message(out, Framing::kLines);
  out += "{\r\n}";
  end_message(out, Framing::kLines, begun);
  EXPECT_EQ(out, "{  }\n");
}

}  // namespace
}  // namespace trivet::wire
