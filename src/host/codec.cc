#include "trivet/codec.h"

#include <boost/json.hpp>

#include "wire/base64.h"
#include "wire/etf_json.h"
#include "wire/frame.h"
#include "wire/json.h"
#include "wire/message_splitter.h"
#include "wire/msgpack.h"
#include "wire/protobuf.h"
#include "wire/text.h"

namespace trivet {
namespace {

namespace json = boost::json;

using Lines = std::string;

void add_line(Lines& lines, const json::value& value) {
  lines.append(wire::to_text(value)).push_back('\n');
}

Error invalid(std::string message) { return {ErrorCode::kInvalidInput, std::move(message)}; }

Status one_document(Result<json::value> value, Lines& lines) {
  if (!value) return std::move(value).error();
  add_line(lines, *value);
  return {};
}

Status decode_json(std::string_view bytes, Lines& lines) {
  return one_document(wire::parse_json(bytes), lines);
}

Status decode_msgpack(std::string_view bytes, Lines& lines) {
  return one_document(wire::from_msgpack(bytes), lines);
}

Status decode_protobuf(std::string_view bytes, Lines& lines) {
  return one_document(wire::from_protobuf_value(bytes), lines);
}

Status decode_etf(std::string_view bytes, Lines& lines) {
  auto text = wire::etf_to_json(bytes);
  if (!text) return std::move(text).error();
  lines.append(*text).push_back('\n');
  return {};
}

// A body as JSON when it is that, else as text, else as bytes.
json::value shown(std::string_view bytes) {
  if (auto value = wire::parse_json(bytes)) return *value;
  if (wire::is_utf8(bytes)) return json::string(bytes);
  return wire::json_of_bytes(bytes);
}

Status decode_messages(wire::Framing framing, std::string_view bytes, Lines& lines) {
  wire::MessageSplitter splitter{framing, bytes.size()};
  splitter.feed(bytes);
  for (;;) {
    auto message = splitter.next();
    if (!message) return invalid(message.error().message);
    if (!*message) break;
    json::value line{
        {"offset", splitter.offset()}, {"size", (*message)->size()}, {"message", shown(**message)}};
    bool must_be_json = framing == wire::Framing::kLines;
    if (auto value = wire::parse_json(**message); !value && must_be_json)
      return invalid("the line at byte " + std::to_string(splitter.offset()) +
                     " is not JSON: " + value.error().message);
    add_line(lines, line);
  }
  if (!splitter.mid_message() || framing == wire::Framing::kLines) return {};
  return invalid("the bytes end in the middle of the message at byte " +
                 std::to_string(splitter.position()));
}

Status decode_packet4(std::string_view bytes, Lines& lines) {
  return decode_messages(wire::Framing::kPacket4, bytes, lines);
}

Status decode_ndjson(std::string_view bytes, Lines& lines) {
  std::string ended{bytes};
  if (!ended.ends_with('\n')) ended.push_back('\n');
  return decode_messages(wire::Framing::kLines, ended, lines);
}

Status decode_frame(std::string_view bytes, Lines& lines) {
  wire::FrameDecoder decoder{limits::kPayloadMax + limits::kFrameMetaMax};
  decoder.feed(bytes);
  size_t offset = 0;
  for (;;) {
    auto frame = decoder.next();
    if (!frame) return invalid(frame.error().message + " at offset " + std::to_string(offset));
    if (!*frame) break;
    const wire::Frame& f = **frame;
    json::object line{{"offset", offset},
                      {"type", wire::name(f.type)},
                      {"more", f.more == wire::More::kYes},
                      {"call", f.call}};
    if (!f.meta.empty()) line["meta"] = shown(f.meta);
    if (!f.body.empty()) line["body"] = shown(f.body);
    add_line(lines, line);
    offset += limits::kFrameHeader + f.meta.size() + f.body.size();
  }
  if (!decoder.mid_frame()) return {};
  return invalid("the bytes end in the middle of a frame at offset " + std::to_string(offset));
}

struct Row {
  Codec codec;
  Status (*decode)(std::string_view bytes, Lines& lines);
};

// One more codec is one more row.
constexpr Row kRows[] = {
    {{"json", "one JSON document"}, decode_json},
    {{"msgpack", "one MessagePack document"}, decode_msgpack},
    {{"protobuf", "one Value of docs/formats/trivet_worker.proto"}, decode_protobuf},
    {{"etf", "one external term: the byte 131 and what follows"}, decode_etf},
    {{"frame", "frames of docs/formats/frame.md"}, decode_frame},
    {{"packet4", "packets: four bytes of big-endian length before each"}, decode_packet4},
    {{"ndjson", "JSON, one document a line"}, decode_ndjson},
};

}  // namespace

std::vector<Codec> codecs() {
  std::vector<Codec> out;
  for (const auto& row : kRows) out.push_back(row.codec);
  return out;
}

Status decode_to_json(std::string_view codec, std::string_view bytes, std::string& decoded) {
  for (const auto& row : kRows)
    if (row.codec.name == codec) return row.decode(bytes, decoded);
  return Error{ErrorCode::kInvalidRequest, "there is no codec " + std::string{codec}};
}

}  // namespace trivet
