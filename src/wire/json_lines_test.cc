#include "wire/json_lines.h"

#include <gtest/gtest.h>

#include <ctime>
#include <vector>

namespace trivet::wire {
namespace {

using Lines = std::vector<std::pair<std::string, bool>>;

// All lines of `text` when it comes in pieces of `piece` bytes; max_line 4.
Lines lines_of(std::string_view text, size_t piece) {
  LineSplitter splitter{4};
  Lines lines;
  while (!text.empty()) {
    splitter.feed(text.substr(0, piece));
    text.remove_prefix(std::min(piece, text.size()));
    while (auto line = splitter.next()) lines.emplace_back(line->text, line->cut);
  }
  if (auto line = splitter.finish()) lines.emplace_back(line->text, line->cut);
  return lines;
}

struct Row {
  std::string_view in;
  Lines out;
};

TEST(LineSplitter, same_lines_come_out_however_the_stream_is_cut) {
  using namespace std::string_view_literals;
  const Row table[] = {
      {"", {}},
      {"a", {{"a", false}}},
      {"a\n", {{"a", false}}},
      {"a\nb", {{"a", false}, {"b", false}}},
      {"\n\n", {{"", false}, {"", false}}},
      {"a\r\nb\r\n", {{"a", false}, {"b", false}}},
      {"a\rb\n", {{"a\rb", false}}},
      {"a\r", {{"a", false}}},
      {"\r", {{"", false}}},
      {"a\r\r\n", {{"a\r", false}}},
      {"a\0b\n"sv, {{std::string{"a\0b"sv}, false}}},
      {"abcd\n", {{"abcd", false}}},
      {"abcd", {{"abcd", false}}},
      {"abcd\r\n", {{"abcd", false}}},
      {"abcd\r", {{"abcd", false}}},
      {"abcde\n", {{"abcd", true}}},
      {"abcde", {{"abcd", true}}},
      {"abcd\rx\n", {{"abcd", true}}},
      {"abcd\r\r\n", {{"abcd", true}}},
      {"abcdefghijklmnop\nqr\n", {{"abcd", true}, {"qr", false}}},
      {"abcdefghijklmnop\n\nqr", {{"abcd", true}, {"", false}, {"qr", false}}},
      {"abcdefgh\nijklmnop\nq", {{"abcd", true}, {"ijkl", true}, {"q", false}}},
  };
  for (const auto& row : table)
    for (size_t piece = 1; piece <= row.in.size() + 1; ++piece)
      EXPECT_EQ(lines_of(row.in, piece), row.out) << row.in << " in pieces of " << piece;
}

TEST(LineSplitter, cut_line_comes_out_as_soon_as_it_is_too_long) {
  LineSplitter splitter{4};
  splitter.feed("abcdef");
  auto line = splitter.next();
  ASSERT_TRUE(line);
  EXPECT_EQ(line->text, "abcd");
  EXPECT_TRUE(line->cut);
  EXPECT_FALSE(splitter.next());
  splitter.feed(std::string(1000, 'x'));
  EXPECT_FALSE(splitter.next());
  EXPECT_FALSE(splitter.finish());
}

TEST(LineSplitter, long_line_in_small_pieces_takes_linear_time) {
  constexpr size_t kLine = 32u << 20, kPiece = 16u << 10;
  LineSplitter splitter{kLine};
  std::string piece(kPiece, 'x');
  std::clock_t start = std::clock();
  for (size_t i = 0; i < kLine / kPiece; ++i) {
    splitter.feed(piece);
    ASSERT_FALSE(splitter.next());
  }
  splitter.feed("\n");
  auto line = splitter.next();
  double cpu_seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  ASSERT_TRUE(line);
  EXPECT_EQ(line->text.size(), kLine);
  EXPECT_FALSE(line->cut);
  EXPECT_LT(cpu_seconds, 1.0);  // searching it all again at each piece would be 32 GiB
}

}  // namespace
}  // namespace trivet::wire
