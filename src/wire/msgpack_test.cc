#include "wire/msgpack.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "wire/base64.h"
#include "wire/json.h"

namespace trivet::wire {
namespace {

std::string unhex(std::string_view hex) {
  std::string out;
  auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    out.push_back(static_cast<char>(digit(hex[i]) << 4 | digit(hex[i + 1])));
  return out;
}

struct Row {
  std::string_view hex, json;
};

constexpr Row kShortest[] = {
    {"c0", "null"},
    {"c2", "false"},
    {"c3", "true"},
    {"00", "0"},
    {"7f", "127"},
    {"cc80", "128"},
    {"ccff", "255"},
    {"cd0100", "256"},
    {"cdffff", "65535"},
    {"ce00010000", "65536"},
    {"ceffffffff", "4294967295"},
    {"cf0000000100000000", "4294967296"},
    {"cf7fffffffffffffff", "9223372036854775807"},
    {"cfffffffffffffffff", "18446744073709551615"},
    {"ff", "-1"},
    {"e0", "-32"},
    {"d0df", "-33"},
    {"d080", "-128"},
    {"d1ff7f", "-129"},
    {"d18000", "-32768"},
    {"d2ffff7fff", "-32769"},
    {"d280000000", "-2147483648"},
    {"d3ffffffff7fffffff", "-2147483649"},
    {"d38000000000000000", "-9223372036854775808"},
    {"cb3ff8000000000000", "1.5"},
    {"cb3fb999999999999a", "0.1"},
    {"a0", "\"\""},
    {"a568656c6c6f", "\"hello\""},
    {"90", "[]"},
    {"93010203", "[1,2,3]"},
    {"80", "{}"},
    {"82a161c0a16291a0", R"({"a":null,"b":[""]})"},
    {"c400", R"({"$base64":""})"},
    {"c403000102", R"({"$base64":"AAEC"})"},
};

TEST(Msgpack, shortest_forms_go_both_ways) {
  for (auto [hex, text] : kShortest) {
    auto value = from_msgpack(unhex(hex));
    ASSERT_TRUE(value.ok()) << hex << ": " << value.error().message;
    EXPECT_EQ(to_text(*value), text) << hex;
    std::string out;
    append_msgpack(out, *parse_json(text));
    EXPECT_EQ(out, unhex(hex)) << text;
  }
}

TEST(Msgpack, longer_forms_are_read) {
  constexpr Row kLonger[] = {{"cc01", "1"},
                             {"cf0000000000000001", "1"},
                             {"d001", "1"},
                             {"d300000000000000ff", "255"},
                             {"ca3fc00000", "1.5"},
                             {"d90161", "\"a\""},
                             {"da000161", "\"a\""},
                             {"db0000000161", "\"a\""},
                             {"dc000101", "[1]"},
                             {"dd0000000101", "[1]"},
                             {"de0001a16101", "{\"a\":1}"},
                             {"df00000001a16101", "{\"a\":1}"},
                             {"c50001ff", R"({"$base64":"/w=="})"},
                             {"c600000001ff", R"({"$base64":"/w=="})"},
                             {"8105c0", R"({"5":null})"},
                             {"81ffc0", R"({"-1":null})"}};
  for (auto [hex, text] : kLonger) {
    auto value = from_msgpack(unhex(hex));
    ASSERT_TRUE(value.ok()) << hex << ": " << value.error().message;
    EXPECT_EQ(to_text(*value), text) << hex;
  }
}

TEST(Msgpack, what_json_cannot_say_is_refused_with_its_place) {
  constexpr Row kRefused[] = {
      {"", "the bytes end too early at offset 0"},
      {"cd01", "the bytes end too early at offset 1"},
      {"a3", "the bytes end too early at offset 0"},
      {"c0c0", "extra bytes after the document at offset 1"},
      {"c1", "0xc1, which MessagePack never uses, at offset 0"},
      {"91d40500", "an extension (ext, type 5), which JSON has no form for, at offset 1"},
      {"d6ff00000000", "an extension (ext, type -1, a timestamp)"},
      {"c7040500000000", "(ext, type 5)"},
      {"c90000000107ff", "(ext, type 7)"},
      {"a1ff", "text that is not UTF-8 at offset 0"},
      {"cb7ff8000000000000", "a number that is not finite, which JSON has not, at offset 0"},
      {"ca7f800000", "a number that is not finite"},
      {"82a16101a16102", "the key \"a\" for the second time at offset 4"},
      {"81c001", "a map's key that is neither text nor a whole number at offset 1"},
      {"819001", "a map's key"},
      {"ddffffffff", "a collection of 4294967295 items, cut short, at offset 0"},
      {"dfffffffff00", "a collection of 4294967295 items, cut short,"},
      {"c6ffffffff00", "the bytes end too early at offset 0"}};
  for (auto [hex, says] : kRefused) {
    auto value = from_msgpack(unhex(hex));
    ASSERT_FALSE(value.ok()) << hex;
    EXPECT_EQ(value.error().code, ErrorCode::kInvalidInput);
    EXPECT_NE(value.error().message.find(says), std::string::npos) << value.error().message;
  }
}

TEST(Msgpack, depth_and_number_of_values_have_limits) {
  auto nested = [](size_t depth) { return std::string(depth, '\x91') + '\xC0'; };
  EXPECT_TRUE(from_msgpack(nested(64)).ok());
  auto deep = from_msgpack(nested(65));
  ASSERT_FALSE(deep.ok());
  EXPECT_EQ(deep.error().message, "more than 64 levels at offset 64");
  std::string three = unhex("93c0c0c0");
  EXPECT_TRUE(from_msgpack(three, {64, 4}).ok());
  auto many = from_msgpack(three, {64, 3});
  ASSERT_FALSE(many.ok());
  EXPECT_EQ(many.error().message, "more than 3 values at offset 3");
}

TEST(Msgpack, lengths_at_the_edges_of_their_forms_go_both_ways) {
  for (size_t size : {15, 16, 31, 32, 255, 256, 65535, 65536}) {
    json::value text = json::string(size, 'x'), list = json::array(size, nullptr);
    json::object object;
    for (size_t i = 0; i < size; ++i) object[std::to_string(i)] = 1;
    for (const json::value& value :
         {text, list, json::value(object), json_of_bytes(std::string(size, '\xff'))}) {
      std::string out;
      append_msgpack(out, value);
      auto back = from_msgpack(out);
      ASSERT_TRUE(back.ok()) << back.error().message;
      EXPECT_EQ(*back, value);
    }
  }
}

TEST(Base64, only_its_own_form_is_read) {
  EXPECT_EQ(to_base64(""), "");
  EXPECT_EQ(to_base64("f"), "Zg==");
  EXPECT_EQ(to_base64("fo"), "Zm8=");
  EXPECT_EQ(to_base64("foo"), "Zm9v");
  EXPECT_EQ(*from_base64("Zm9vYg=="), "foob");
  for (std::string_view text :
       {"Z", "Zg=", "Zg", "Zh==", "Zm9=", "Zg==Zg==", "Z===", "====", "Zm 9", "Zm9v\n", "-_-_"})
    EXPECT_FALSE(from_base64(text)) << text;
}

}  // namespace
}  // namespace trivet::wire
