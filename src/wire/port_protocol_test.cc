#include "wire/port_protocol.h"

#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>
#include <boost/json.hpp>

#include "wire/base64.h"
#include "wire/etf_json.h"
#include "wire/json.h"
#include "wire/msgpack.h"
#include "wire/protobuf.h"
#include "wire/text.h"

namespace trivet::wire {
namespace {

using namespace std::string_view_literals;

// Any JSON value, but for doubles that are whole numbers: their text reads back as integers.
json::value any_value(int depth) {
  switch (*rc::gen::inRange(0, depth > 3 ? 7 : 9)) {
    case 0:
      return nullptr;
    case 1:
      return *rc::gen::arbitrary<bool>();
    case 2:
      return *rc::gen::arbitrary<int64_t>();
    case 3:
      return static_cast<uint64_t>(INT64_MAX) + *rc::gen::inRange<uint64_t>(1, 1000);
    case 4:
      return *rc::gen::arbitrary<int32_t>() + 0.5;
    case 5: {
      auto letters = rc::gen::element<std::string>("a", "\n", "\"", "é", "🚀", std::string(1, '\0'));
      std::string text;
      for (const auto& letter : *rc::gen::container<std::vector<std::string>>(letters))
        text += letter;
      return json::value(text);
    }
    case 6:
      return json_of_bytes(*rc::gen::arbitrary<std::string>());
    case 7: {
      json::array out;
      for (int n = *rc::gen::inRange(0, 5); n > 0; --n) out.push_back(any_value(depth + 1));
      return out;
    }
    default: {
      json::object out;
      for (int n = *rc::gen::inRange(0, 5); n > 0; --n)
        out[std::to_string(n)] = any_value(depth + 1);
      return out;
    }
  }
}

RC_GTEST_PROP(PortProperties, any_value_goes_through_msgpack_and_protobuf, ()) {
  json::value value = any_value(0);
  std::string packed, buffered;
  append_msgpack(packed, value);
  append_protobuf_value(buffered, value);
  auto unpacked = from_msgpack(packed), unbuffered = from_protobuf_value(buffered);
  RC_ASSERT(unpacked.ok() && *unpacked == value);
  RC_ASSERT(unbuffered.ok() && *unbuffered == value);
  // Cut anywhere, a MessagePack document is refused, never misread.
  size_t cut = *rc::gen::inRange<size_t>(0, packed.size());
  RC_ASSERT(!from_msgpack(packed.substr(0, cut)).ok());
}

Term terms(std::vector<Term> items) { return Tuple{std::move(items)}; }
std::string written(const Term& term) {
  std::string out;
  append_term(out, term);
  return out;
}

// What a worker would send, in each protocol.
std::string reply_message(std::string_view protocol, uint64_t id, const json::value& result) {
  std::string out;
  if (protocol == "protobuf") {
    append_protobuf_varint(out, 1, id);
    size_t opened = open_protobuf_message(out, 2);
    append_protobuf_value(out, result);
    close_protobuf_message(out, opened);
  } else if (protocol == "etf" || protocol == "erlport") {
    Term value = *term_from_json(to_text(result)), number = integer_term(std::to_string(id));
    if (protocol == "etf")
      append_term(out, terms({Atom{"reply"}, number, terms({Atom{"ok"}, value})}));
    else
      append_term(out, terms({Atom{"r"}, number, value}));
  } else if (protocol == "msgpack") {
    append_msgpack(out, json::value{{"id", id}, {"result", result}});
  } else {
    out = to_text(json::value{{"id", id}, {"result", result}});
  }
  return out;
}

// The same value as terms have it: a binary that is UTF-8 is a text there, so such bytes come back
// as one.
json::value as_terms(const json::value& value) {
  if (value.is_array()) {
    json::array out;
    for (const auto& item : value.get_array()) out.push_back(as_terms(item));
    return json::value(std::move(out));
  }
  if (!value.is_object()) return value;
  auto bytes = bytes_of_json(value.get_object());
  if (bytes && is_utf8(*bytes)) return json::value(*bytes);
  if (bytes) return value;
  json::object out;
  for (const auto& member : value.get_object()) out[member.key()] = as_terms(member.value());
  return out;
}

RC_GTEST_PROP(PortProperties, any_result_comes_back_in_every_protocol, ()) {
  json::value value = any_value(0);
  uint64_t id = *rc::gen::inRange<uint64_t>(1, UINT64_MAX);
  for (const auto& protocol : port_protocols()) {
    auto reply = protocol.decode(reply_message(protocol.name, id, value));
    RC_ASSERT(reply.ok());
    RC_ASSERT(reply->id == id);
    RC_ASSERT(!reply->failure);
    bool is_terms = protocol.name == "etf" || protocol.name == "erlport";
    RC_ASSERT(*parse_json(reply->result) == (is_terms ? as_terms(value) : value));
  }
}

TEST(PortProtocol, calls_have_the_documented_form) {
  PortCall call{7, "math", "add", "[1, 2.50]"};
  std::string out;
  ASSERT_TRUE(append_port_call(out, *find_port_protocol("ndjson"), call).ok());
  EXPECT_EQ(out, "{\"id\":7,\"module\":\"math\",\"function\":\"add\",\"args\":[1, 2.50]}\n");
  std::string packet;
  ASSERT_TRUE(append_port_call(packet, *find_port_protocol("packet4"), call).ok());
  EXPECT_EQ(packet, std::string(3, '\0') + static_cast<char>(out.size() - 1) +
                        out.substr(0, out.size() - 1));
  std::string packed;
  ASSERT_TRUE(append_port_call(packed, *find_port_protocol("msgpack"), call).ok());
  EXPECT_EQ(to_text(*from_msgpack(packed.substr(4))),
            R"({"id":7,"module":"math","function":"add","args":[1,2.5]})");
  std::string buffered;
  ASSERT_TRUE(append_port_call(buffered, *find_port_protocol("protobuf"), call).ok());
  EXPECT_EQ(buffered,
            "\0\0\0\x1C"
            "\x08\x07\x12\x04math\x1A\x03"
            "add\x22\x02\x18\x02\x22\x09\x29\0\0\0\0\0\0\x04\x40"sv);
}

// What a call is, as terms in JSON.
std::string call_in_terms(std::string_view protocol, const PortCall& call) {
  std::string out;
  if (!append_port_call(out, *find_port_protocol(protocol), call).ok()) return "refused";
  auto term = read_term(std::string_view{out}.substr(4));
  if (!term) return term.error().message;
  const auto* tuple = term->as<Tuple>();
  bool named = tuple && tuple->items[2].as<Atom>() && tuple->items[3].as<Atom>();
  std::string json;
  append_json(json, *term);
  return named ? json : "no atoms: " + json;
}

TEST(PortTerms, calls_are_tuples_with_names_as_atoms) {
  PortCall call{UINT64_MAX, "math", "add", R"([1,2.5,null,{"a":[null]},"é"])"};
  EXPECT_EQ(call_in_terms("etf", call),
            R"(["call",18446744073709551615,"math","add",[1,2.5,null,{"a":[null]},"é"]])");
  EXPECT_EQ(call_in_terms("erlport", call),
            R"(["C",18446744073709551615,"math","add",[1,2.5,null,{"a":[null]},"é"]])");
  std::string sent;
  ASSERT_TRUE(append_port_call(sent, *find_port_protocol("erlport"), call).ok());
  EXPECT_EQ(sent.find("null"), std::string::npos);
  EXPECT_NE(sent.find("undefined"), std::string::npos);
  std::string fits, longer;
  for (int i = 0; i < 255; ++i) fits += "é";
  longer = fits + "x";
  EXPECT_NE(call_in_terms("etf", {1, fits, "f", "[]"}), "refused");
  EXPECT_EQ(call_in_terms("etf", {1, longer, "f", "[]"}), "refused");
  EXPECT_EQ(call_in_terms("erlport", {1, "m", longer, "[]"}), "refused");
}

TEST(PortTerms, failures_come_in_several_forms) {
  Term text = Binary{"boom"}, stack = terms({Binary{"f.x"}, 3, Binary{"go"}, Binary{"go()"}});
  Map facts{{{Atom{"message"}, text}, {Binary{"code"}, Atom{"e"}}, {Atom{"type"}, Atom{"null"}}}};
  const std::tuple<Term, std::string, std::string, std::string> table[] = {
      {text, "boom", "", ""},
      {Atom{"badarg"}, "badarg", "", ""},
      {terms({Atom{"badarg"}, text}), "boom", "", "badarg"},
      {facts, "boom", "e", ""},
      {Map{}, "{}", "", ""},
      {terms({1, 2, 3}), "[1,2,3]", "", ""}};
  for (const auto& [reason, message, code, type] : table) {
    auto reply =
        decode_port_etf(written(terms({Atom{"reply"}, 1, terms({Atom{"error"}, reason})})));
    ASSERT_TRUE(reply.ok() && reply->failure) << message;
    EXPECT_EQ(reply->failure->message, message);
    EXPECT_EQ(reply->failure->code, code);
    EXPECT_EQ(reply->failure->type, type);
  }
  Term error = terms({Atom{"lang"}, Atom{"ValueError"}, List{{0x42, 0xE9, 0x20AC, 0x1F680}, {}},
                      List{{stack}, {}}});
  auto reply = decode_port_erlport(written(terms({Atom{"e"}, 7, error})));
  ASSERT_TRUE(reply.ok() && reply->failure);
  EXPECT_EQ(reply->id, 7U);
  EXPECT_EQ(reply->failure->message, "Bé€🚀");
  EXPECT_EQ(reply->failure->type, "ValueError");
  EXPECT_EQ(reply->failure->stack, "f.x:3 in go\n");
}

TEST(PortTerms, what_is_no_reply_is_heard_answered_or_refused) {
  auto printed = decode_port_erlport(written(terms({Atom{"P"}, Binary{"half a l"}})));
  ASSERT_TRUE(printed.ok());
  EXPECT_FALSE(printed->is_reply);
  EXPECT_EQ(printed->print, "half a l");
  auto told = decode_port_erlport(written(terms({Atom{"M"}, Atom{"pid"}, Binary{"hello"}})));
  ASSERT_TRUE(told.ok());
  EXPECT_TRUE(!told->is_reply && told->print.empty() && told->answer.empty());
  Term id = integer_term("340282366920938463463374607431768211455");
  auto asked =
      decode_port_erlport(written(terms({Atom{"C"}, id, Atom{"m"}, Atom{"f"}, List{}, Atom{"N"}})));
  ASSERT_TRUE(asked.ok());
  EXPECT_FALSE(asked->is_reply);
  const auto answer = read_term(asked->answer);
  ASSERT_TRUE(answer.ok());
  EXPECT_TRUE(answer->as<Tuple>()->items[0].is_atom("e"));
  EXPECT_EQ(answer->as<Tuple>()->items[1], id);

  const std::tuple<bool, Term, std::string_view> refused[] = {
      {false, 1, "not a tuple"},
      {false, terms({}), "not a tuple"},
      {false, terms({Atom{"reply"}}), "neither {reply, Id, Outcome}"},
      {false, terms({Atom{"r"}, 1, 2}), "neither {reply, Id, Outcome}"},
      {false, terms({Atom{"reply"}, 1, Atom{"ok"}}), "neither {ok, Value}"},
      {false, terms({Atom{"reply"}, -1, terms({Atom{"ok"}, 1})}), "not a whole number: -1"},
      {false, terms({Atom{"reply"}, id, terms({Atom{"ok"}, 1})}), "not a whole number: 3402"},
      {true, terms({Atom{"r"}, 2}), "none of r, e, C, M and P"},
      {true, terms({Atom{"x"}, 1, 2}), "none of r, e, C, M and P"},
      {true, terms({Atom{"r"}, Atom{"undefined"}, 2}), "not a whole number: undefined"},
      {true, terms({Atom{"e"}, Binary{"sad"}}), "outside of a call: sad"}};
  for (const auto& [erlport, term, says] : refused) {
    auto reply = erlport ? decode_port_erlport(written(term)) : decode_port_etf(written(term));
    ASSERT_FALSE(reply.ok()) << says;
    EXPECT_EQ(reply.error().code, ErrorCode::kInvalidInput);
    EXPECT_NE(reply.error().message.find(says), std::string::npos) << reply.error().message;
  }
}

TEST(PortTerms, values_are_as_deep_as_json_may_be) {
  for (const char* name : {"etf", "erlport"})
    for (size_t depth : {64, 65}) {
      Term value = 1;
      for (size_t i = 0; i < depth; ++i) value = List{{value}, {}};
      Term number = 1;
      Term whole = name == std::string{"etf"}
                       ? terms({Atom{"reply"}, number, terms({Atom{"ok"}, value})})
                       : terms({Atom{"r"}, number, value});
      auto reply = find_port_protocol(name)->decode(written(whole));
      EXPECT_EQ(reply.ok(), depth == 64) << name << depth;
      EXPECT_TRUE(!reply || parse_json(reply->result).ok());
    }
}

TEST(PortTerms, an_id_may_be_left_out) {
  Term outcome = terms({Atom{"ok"}, 5});
  for (const Term& term :
       {terms({Atom{"reply"}, outcome}), terms({Atom{"reply"}, Atom{"undefined"}, outcome})}) {
    auto reply = decode_port_etf(written(term));
    ASSERT_TRUE(reply.ok());
    EXPECT_FALSE(reply->id);
    EXPECT_EQ(reply->result, "5");
  }
}

TEST(PortProtocol, lines_in_arguments_stay_one_line) {
  std::string out;
  ASSERT_TRUE(
      append_port_call(out, *find_port_protocol("ndjson"), {1, "m", "f\n", "[\r\n1\n]"}).ok());
  EXPECT_EQ(out, "{\"id\":1,\"module\":\"m\",\"function\":\"f\\n\",\"args\":[  1 ]}\n");
}

TEST(PortProtocol, a_json_result_is_kept_digit_for_digit) {
  auto reply = decode_port_json(R"( {"result": {"a" : 1.500e400}, "id":18446744073709551615 } )");
  ASSERT_TRUE(reply.ok()) << reply.error().message;
  EXPECT_EQ(reply->id, UINT64_MAX);
  EXPECT_EQ(reply->result, R"({"a" : 1.500e400})");
}

TEST(PortProtocol, errors_may_be_text_or_objects) {
  const std::tuple<std::string_view, std::string_view, std::string_view> table[] = {
      {R"("boom")", "boom", ""},
      {R"({"message":"boom","code":"E","type":"T","stack":"at x"})", "boom", "E"},
      {R"({"message":"boom","code":5})", "boom", "5"},
      {R"({"reason":1})", R"({"reason":1})", ""},
      {"[1]", "[1]", ""},
      {"false", "false", ""}};
  for (auto [error, message, code] : table)
    for (bool packed : {false, true}) {
      std::string text = "{\"id\":1,\"error\":" + std::string{error} + "}", bytes;
      append_msgpack(bytes, *parse_json(text));
      auto reply = packed ? decode_port_msgpack(bytes) : decode_port_json(text);
      ASSERT_TRUE(reply.ok()) << error;
      ASSERT_TRUE(reply->failure) << error;
      EXPECT_EQ(reply->failure->message, message);
      EXPECT_EQ(reply->failure->code, code);
    }
}

TEST(PortProtocol, what_is_no_reply_is_refused) {
  const std::pair<std::string_view, std::string_view> table[] = {
      {"[]", "object"},
      {"{}", "neither"},
      {R"({"id":1})", "neither"},
      {R"({"id":1,"error":null})", "neither"},
      {R"({"id":-1,"result":1})", "\"id\" is not a whole number: -1"},
      {R"({"id":"1","result":1})", "\"id\" is not a whole number"},
      {R"({"id":1.5,"result":1})", "\"id\" is not a whole number"}};
  for (auto [text, says] : table)
    for (bool packed : {false, true}) {
      std::string bytes;
      append_msgpack(bytes, *parse_json(text));
      auto reply = packed ? decode_port_msgpack(bytes) : decode_port_json(text);
      ASSERT_FALSE(reply.ok()) << text;
      EXPECT_NE(reply.error().message.find(says), std::string::npos) << reply.error().message;
    }
  EXPECT_FALSE(decode_port_json("{\"id\":1,\"result\":1}x").ok());
  EXPECT_FALSE(decode_port_json("").ok());
}

TEST(PortProtocol, an_id_may_be_left_out) {
  for (std::string_view text : {R"({"result":null})", R"({"id":null,"result":null})"}) {
    auto reply = decode_port_json(text);
    ASSERT_TRUE(reply.ok());
    EXPECT_FALSE(reply->id);
    EXPECT_EQ(reply->result, "null");
  }
  EXPECT_FALSE(decode_port_protobuf("\x12\x02\x08\x00"sv)->id);
  EXPECT_FALSE(decode_port_protobuf("\x08\x00\x12\x00"sv)->id);
}

TEST(Protobuf, a_value_without_a_kind_is_null_and_the_last_kind_counts) {
  EXPECT_EQ(*from_protobuf_value(""), json::value(nullptr));
  EXPECT_EQ(*from_protobuf_value("\x10\x01\x18\x03"sv), json::value(-2));
  EXPECT_EQ(*from_protobuf_value("\x7D\1\2\3\4\x10\x01"sv), json::value(true));  // unknown field 15
}

TEST(Protobuf, a_member_without_key_or_value_has_empty_ones) {
  EXPECT_EQ(to_text(*from_protobuf_value("\x4A\x02\x0A\x00"sv)), R"({"":null})");
}

TEST(Protobuf, wrong_bytes_are_refused_with_their_place) {
  const std::pair<std::string_view, std::string_view> table[] = {
      {"\x10"sv, "a field that is cut short or too long before offset 1"},
      {"\x00"sv, "impossible number"},
      {"\x13"sv, "a group"},
      {"\x12\x01x"sv, "field 2 of another type at offset 2"},
      {"\x32\x05"
       "ab"sv,
       "a field of 5 bytes, cut short, before offset 2"},
      {"\x32\x01\xFF"sv, "text that is not UTF-8 at offset 2"},
      {"\x29\0\0\0\0\0\0\xF8\x7F"sv, "a number that is not finite"},
      {"\x10\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02"sv, "too long"},
      {"\x42\x02\x08\x01"sv, "field 1 of another type at offset 2"}};
  for (auto [bytes, says] : table) {
    auto value = from_protobuf_value(bytes);
    ASSERT_FALSE(value.ok()) << says;
    EXPECT_NE(value.error().message.find(says), std::string::npos) << value.error().message;
  }
}

TEST(Protobuf, depth_has_a_limit) {
  auto nested = [](size_t depth) {
    json::value value = nullptr;
    for (size_t i = 0; i < depth; ++i) value = json::array{value};
    std::string out;
    append_protobuf_value(out, value);
    return from_protobuf_value(out).ok();
  };
  EXPECT_TRUE(nested(64));
  EXPECT_FALSE(nested(65));
}

}  // namespace
}  // namespace trivet::wire
