// A reply as the one line that `--output json` prints.
#include <algorithm>
#include <cstdio>

#include "cli/cli.h"

namespace trivet::cli {
namespace {

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    unsigned group = 0;
    for (size_t j = 0; j < 3; ++j)
      group = group << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    for (size_t j = 0; j < 4; ++j)
      out += i + j <= bytes.size() ? kDigits[group >> (18 - 6 * j) & 63U] : '=';
  }
  return out;
}

bool is_json(std::string_view text) {
  constexpr size_t kDepth = 1000;
  json::parse_options options;
  options.max_depth = kDepth;
  boost::system::error_code ec;
  json::parse(text, ec, {}, options);
  return !ec;
}

std::string body_member(const ReplyLine& reply) {
  bool may_be_json =
      reply.content_type.empty() || reply.content_type.find("json") != std::string_view::npos;
  if (may_be_json && is_json(reply.body)) {
    std::string text{reply.body};  // an end of line cannot stand inside a string of JSON
    std::replace(text.begin(), text.end(), '\n', ' ');
    std::replace(text.begin(), text.end(), '\r', ' ');
    while (text.ends_with(' ')) text.pop_back();
    return "\"body\":" + text;
  }
  std::string text = json::serialize(json::string(reply.body));
  if (is_json(text)) return "\"body\":" + text;
  return "\"body_base64\":\"" + base64(reply.body) + "\"";
}

}  // namespace

std::string to_json(const ReplyLine& reply) {
  char timing[160];
  std::snprintf(timing, sizeof timing, R"({"queue_ms":%.3f,"start_ms":%.3f,"run_ms":%.3f})",
                reply.queue_ms, reply.start_ms, reply.run_ms);
  return "{\"status\":" + std::to_string(reply.status) +
         ",\"call_id\":" + json::serialize(json::string(reply.call_id)) + "," + body_member(reply) +
         ",\"timing\":" + timing + "}\n";
}

}  // namespace trivet::cli
