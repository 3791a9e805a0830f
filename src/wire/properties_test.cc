// What holds for all inputs, tried on random ones.
#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>
#include <boost/json.hpp>

#include <vector>

#include "wire/frame.h"
#include "wire/json.h"
#include "wire/json_lines.h"
#include "wire/query.h"
#include "wire/text.h"

namespace trivet::wire {
namespace {

// Cuts `bytes` at random places.
std::vector<std::string> pieces_of(std::string_view bytes) {
  std::vector<std::string> pieces;
  while (!bytes.empty()) {
    size_t size = *rc::gen::inRange<size_t>(1, std::min<size_t>(bytes.size(), 40) + 1);
    pieces.emplace_back(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  return pieces;
}

RC_GTEST_PROP(Properties, frames_cut_at_random_places_come_out_as_they_went_in, ()) {
  struct Sent {
    uint8_t type;
    bool more;
    uint32_t call;
    std::string meta, body;
    bool operator==(const Sent&) const = default;
  };
  std::vector<Sent> sent, got;
  std::string wire;
  size_t count = *rc::gen::inRange<size_t>(0, 8);
  for (size_t i = 0; i < count; ++i) {
    sent.push_back({*rc::gen::arbitrary<uint8_t>(), *rc::gen::arbitrary<bool>(),
                    *rc::gen::arbitrary<uint32_t>(), *rc::gen::arbitrary<std::string>(),
                    *rc::gen::arbitrary<std::string>()});
    const Sent& s = sent.back();
    append_frame(wire, static_cast<FrameType>(s.type), s.call, s.meta, s.body, More{s.more});
  }
  FrameDecoder decoder{1 << 20};
  for (const auto& piece : pieces_of(wire)) {
    decoder.feed(piece);
    for (auto frame = decoder.next(); frame.ok() && *frame; frame = decoder.next()) {
      const Frame& f = **frame;
      got.push_back({static_cast<uint8_t>(f.type), f.more == More::kYes, f.call,
                     std::string{f.meta}, std::string{f.body}});
    }
  }
  RC_ASSERT(got == sent);
  RC_ASSERT(!decoder.mid_frame());
}

RC_GTEST_PROP(Properties, lines_do_not_depend_on_where_the_stream_is_cut, ()) {
  auto letters = rc::gen::container<std::string>(rc::gen::element('a', 'b', '\r', '\n'));
  std::string text = *letters;
  size_t limit = *rc::gen::inRange<size_t>(0, 6);
  auto lines = [limit](const std::vector<std::string>& pieces) {
    LineSplitter splitter{limit};
    std::string all;
    auto add = [&all](const LineSplitter::Line& line) {
      all.append(line.text).append(line.cut ? "!|" : "|");
    };
    for (const auto& piece : pieces) {
      splitter.feed(piece);
      while (auto line = splitter.next()) add(*line);
    }
    if (auto line = splitter.finish()) add(*line);
    return all;
  };
  RC_ASSERT(lines(pieces_of(text)) == lines({text}));
}

RC_GTEST_PROP(Properties, any_bytes_become_a_json_string_that_reads_back,
              (const std::string& text)) {
  std::string out;
  append_json_string(out, text);
  auto back = parse_json(out);
  RC_ASSERT(back.ok());
  if (is_utf8(text)) RC_ASSERT(std::string_view{back->as_string()} == text);
}

RC_GTEST_PROP(Properties, duration_reads_back_from_its_text, ()) {
  int64_t unit = *rc::gen::element<int64_t>(1, 1'000, 500'000, 1'000'000'000, 60'000'000'000);
  Duration d{*rc::gen::inRange<int64_t>(0, 100'000'000) * unit};
  RC_ASSERT(parse_duration(format_duration(d)).ok());
  RC_ASSERT(*parse_duration(format_duration(d)) == d);
}

RC_GTEST_PROP(Properties, any_duration_reads_back_from_its_text, (int64_t ns)) {
  Duration d{ns & INT64_MAX};
  RC_ASSERT(*parse_duration(format_duration(d)) == d);
}

RC_GTEST_PROP(Properties, escaped_text_decodes_to_itself, (const std::string& text)) {
  std::string escaped;
  for (unsigned char c : text) {
    constexpr std::string_view kHex = "0123456789abcdef";
    escaped.append("%").append(1, kHex[c >> 4]).append(1, kHex[c & 15]);
  }
  auto decoded = percent_decode(escaped);
  RC_ASSERT(decoded.ok() == (is_utf8(text) && text.find('\0') == std::string::npos));
  if (decoded) RC_ASSERT(*decoded == text);
}

// Globs by their definition: tries everything.
bool matches_by_definition(std::string_view glob, std::string_view path) {
  if (glob.empty()) return path.empty();
  if (glob.starts_with("**/") && matches_by_definition(glob.substr(3), path)) return true;
  bool deep = glob.starts_with("**");
  if (glob[0] == '*') {
    std::string_view rest = glob.substr(deep ? 2 : 1);
    for (size_t i = 0; i <= path.size(); ++i) {
      if (i > 0 && path[i - 1] == '/' && !deep) return false;
      if (matches_by_definition(rest, path.substr(i))) return true;
    }
    return false;
  }
  if (path.empty() || (glob[0] == '?' ? path[0] == '/' : glob[0] != path[0])) return false;
  return matches_by_definition(glob.substr(1), path.substr(1));
}

RC_GTEST_PROP(Properties, glob_matches_what_its_definition_does, ()) {
  // Segments of literals and wildcards; a "**" stands alone in its segment.
  auto glob_part =
      rc::gen::element<std::string>("a", "b", "*", "?", "a*", "*b", "*a*", "**", "a*b*");
  auto path_part = rc::gen::element<std::string>("a", "b", "ab", "ba", "aab", "");
  auto join = [](const std::vector<std::string>& parts) {
    std::string all;
    for (const auto& part : parts) all += (&part == parts.data() ? "" : "/") + part;
    return all;
  };
  std::string glob =
      join(*rc::gen::resize(6, rc::gen::container<std::vector<std::string>>(glob_part)));
  std::string path =
      join(*rc::gen::resize(6, rc::gen::container<std::vector<std::string>>(path_part)));
  RC_ASSERT(glob_match(glob, path) == matches_by_definition(glob, path));
}

}  // namespace
}  // namespace trivet::wire
