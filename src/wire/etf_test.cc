#include "wire/etf.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <rapidcheck/gtest.h>

#include <cmath>
#include <cstring>

#include "wire/base64.h"
#include "wire/etf_json.h"
#include "wire/etf_vectors_test.h"

namespace trivet::wire {
namespace {

std::string unhex(std::string_view hex) {
  std::string out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    out.push_back(static_cast<char>(std::stoi(std::string{hex.substr(i, 2)}, nullptr, 16)));
  return out;
}

std::string written(const Term& term) {
  std::string out;
  append_term(out, term);
  return out;
}

std::string json_of(const Term& term) {
  std::string out;
  append_json(out, term);
  return out;
}

Term term_of(std::string_view hex) {
  auto term = read_term(unhex(hex));
  EXPECT_TRUE(term.ok()) << hex << ": " << (term.ok() ? "" : term.error().message);
  return term.ok() ? *term : Term{};
}

TEST(Etf, what_a_peer_writes_is_read_and_written_the_same) {
  for (const auto& vector : kEtfVectors) {
    SCOPED_TRACE(vector.name);
    std::string bytes = unhex(vector.hex);
    auto term = read_term(bytes);
    ASSERT_TRUE(term.ok()) << term.error().message;
    bool same = std::string_view{vector.how} == "same";
    EXPECT_EQ(written(*term) == bytes, same);
    auto again = read_term(written(*term));
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(*again, *term);
    if (*vector.json) {
      EXPECT_EQ(json_of(*term), vector.json);
    }
  }
}

TEST(Etf, each_vector_survives_json_or_becomes_what_the_page_says) {
  for (const auto& vector : kEtfVectors) {
    SCOPED_TRACE(vector.name);
    std::string json = json_of(*read_term(unhex(vector.hex)));
    auto back = term_from_json(json);
    ASSERT_TRUE(back.ok()) << json;
    EXPECT_EQ(json_of(*back), json);
  }
}

TEST(Etf, other_tags_of_the_same_things) {
  EXPECT_EQ(term_of("837302e9ff"), Term{Atom{"\xC3\xA9\xC3\xBF"}});  // small, Latin-1
  EXPECT_EQ(term_of("83760002cebb"), Term{Atom{"\xCE\xBB"}});
  EXPECT_EQ(term_of("836e0100ff"), Term{int64_t{255}});  // a big that is small
  EXPECT_EQ(term_of("836f0000000201ff00"), Term{int64_t{-255}});
  EXPECT_EQ(term_of("836e0001"), Term{int64_t{0}});
  EXPECT_EQ(term_of("836c000000016c00000001610161026a"),
            (Term{List{{Term{List{{Term{int64_t{1}}}, {Term{int64_t{2}}}}}}, {}}}));
  EXPECT_EQ(term_of("836c0000000161016c0000000161026a"),
            (Term{List{{Term{int64_t{1}}, Term{int64_t{2}}}, {}}}));  // a list as a tail
}

TEST(Etf, what_only_its_maker_understands_is_given_back_untouched) {
  const char* kTerms[] = {
      "836764000d6e6f6e6f6465406e6f686f7374000000500000000000",            // pid, old
      "835864000d6e6f6e6f6465406e6f686f7374000000500000000000000000",      // pid
      "836664000d6e6f6e6f6465406e6f686f73740000000600",                    // port, old
      "835964000d6e6f6e6f6465406e6f686f73740000000600000000",              // port
      "837864000d6e6f6e6f6465406e6f686f7374000000000000000600000000",      // port of eight bytes
      "836564000d6e6f6e6f6465406e6f686f73740000000600",                    // reference, oldest
      "83720003770d6e6f6e6f6465406e6f686f737400000000010000000200000003",  // reference, old
      "835a0003770d6e6f6e6f6465406e6f686f737400000000000000010000000200000003",
  };
  for (size_t i = 0; i < std::size(kTerms); ++i) {
    SCOPED_TRACE(kTerms[i]);
    Term term = term_of(kTerms[i]);
    ASSERT_TRUE(term.as<Opaque>());
    EXPECT_EQ(written(term), unhex(kTerms[i]));
    auto back = term_from_json(json_of(Term{List{{term}, {}}}));
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(back->as<List>()->items.at(0), term);
  }
}

TEST(Etf, refuses_with_a_reason_and_a_place) {
  const std::pair<const char*, const char*> kRefused[] = {
      {"", "cut off"},
      {"82", "131 (at byte 1)"},
      {"83", "cut off"},
      {"8361", "cut off"},
      {"836101ff", "more after the term (at byte 3)"},
      {"8300", "tag 0"},
      {"8352", "tag 82"},
      {"836d00000005ff", "cut off"},
      {"836cffffffff", "cut off"},
      {"8374ffffffff", "cut off"},
      {"8369ffffffff", "cut off"},
      {"83467ff0000000000000", "not a number"},
      {"83467ff8000000000000", "not a number"},
      {"836331"
       "3131",
       "cut off"},
      {"837701ff", "not UTF-8"},
      {"834d000000010900", "bits"},
      {"834d0000000003", "bits"},
      {"8367"
       "6101"
       "000000500000000000",
       "no atom"},
      {"837000000003", "function is cut off"},
      {"835000000001", "damaged"},
      {"83500000000500", "damaged"},
  };
  for (const auto& [hex, why] : kRefused) {
    auto term = read_term(unhex(hex));
    ASSERT_FALSE(term.ok()) << hex;
    EXPECT_NE(term.error().message.find(why), std::string::npos)
        << hex << ": " << term.error().message;
    EXPECT_EQ(term.error().code, ErrorCode::kInvalidInput);
  }
}

std::string compressed(const std::string& plain, size_t says) {
  std::string packed(compressBound(plain.size()), '\0');
  uLongf size = packed.size();
  compress(reinterpret_cast<Bytef*>(packed.data()), &size,
           reinterpret_cast<const Bytef*>(plain.data()), plain.size());
  packed.resize(size);
  std::string out = "\x83\x50";
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(says >> shift));
  return out + packed;
}

TEST(Etf, a_compressed_term_expands_to_what_it_says_and_no_more) {
  std::string plain = written(Term{Binary{std::string(100'000, 'x')}}).substr(1);
  EXPECT_TRUE(read_term(compressed(plain, plain.size())).ok());
  EXPECT_FALSE(read_term(compressed(plain, plain.size() - 1)).ok());
  EXPECT_FALSE(read_term(compressed(plain, plain.size() + 1)).ok());
  EXPECT_FALSE(read_term(compressed(plain, plain.size()) + "x").ok());
  auto bomb = read_term(compressed(plain, plain.size()), {50'000, 100, 100});
  ASSERT_FALSE(bomb.ok());
  EXPECT_EQ(bomb.error().code, ErrorCode::kPayloadTooLarge);
}

TEST(Etf, limits_hold) {
  auto nested = [](size_t depth) {
    std::string bytes = "\x83";
    for (size_t i = 0; i < depth; ++i) bytes += std::string("h\x01", 2);
    return bytes + "j";
  };
  EXPECT_TRUE(read_term(nested(limits::kTermDepth)).ok());
  EXPECT_EQ(read_term(nested(limits::kTermDepth + 1)).error().code, ErrorCode::kPayloadTooLarge);
  EXPECT_FALSE(read_term(nested(1'000'000)).ok());
  std::string string = written(Term{List{std::vector<Term>(100, Term{int64_t{1}}), {}}});
  EXPECT_TRUE(read_term(string, {1000, 10, 101}).ok());
  EXPECT_FALSE(read_term(string, {1000, 10, 100}).ok());
  EXPECT_FALSE(read_term(string, {string.size() - 1, 10, 101}).ok());
}

TEST(EtfJson, values_of_functions) {
  const std::pair<const char*, Term> kValues[] = {
      {" null ", Atom{"null"}},
      {"true", Atom{"true"}},
      {"18446744073709551616", integer_term("18446744073709551616")},
      {"18446744073709551615", integer_term("18446744073709551615")},
      {"1e2", 100.0},
      {"-3.054144398950467e-52", -3.054144398950467e-52},
      {"1e-999", 0.0},
      {"\"\\u00e9\\n\"", Binary{"\xC3\xA9\n"}},
      {"[]", List{}},
      {"{\"a\":1,\"b\":2,\"a\":3}", Map{{{Binary{"b"}, int64_t{2}}, {Binary{"a"}, int64_t{3}}}}},
      {"{\"$base64\":\"/wA=\"}", Binary{std::string("\xFF\0", 2)}},
      {"{\"$base64\":\"x\"}", Map{{{Binary{"$base64"}, Binary{"x"}}}}},
      {"{\"$term\":\"g00AAAABA6A=\"}", Bits{"\xA0", 3}},
      {"{\"$term\":\"AAAA\"}", Map{{{Binary{"$term"}, Binary{"AAAA"}}}}},
  };
  for (const auto& [json, term] : kValues) {
    auto got = term_from_json(json);
    ASSERT_TRUE(got.ok()) << json << ": " << got.error().message;
    EXPECT_EQ(*got, term) << json;
  }
  for (const char* json : {"", "[", "1 2", "nul", "1e999", "\"\xFF\"", "{1:2}"})
    EXPECT_FALSE(term_from_json(json).ok()) << json;
  EXPECT_FALSE(term_from_json(std::string(1000, '[') + std::string(1000, ']')).ok());
}

rc::Gen<Term> any_term(int depth) {
  auto atom = rc::gen::map(rc::gen::element<std::string>("ok", "\xC3\xA9", "\xCE\xBB", "", "true"),
                           [](std::string name) { return Term{Atom{std::move(name)}}; });
  auto number =
      rc::gen::map(rc::gen::arbitrary<int64_t>(), [](int64_t n) { return Term{int64_t{n}}; });
  auto big = rc::gen::map(rc::gen::arbitrary<std::pair<bool, std::string>>(), [](auto parts) {
    std::string digits = "1";
    for (unsigned char c : parts.second) digits += std::to_string(c);
    return integer_term((parts.first ? "-" : "") + digits);
  });
  auto binary = rc::gen::map(rc::gen::arbitrary<std::string>(),
                             [](std::string b) { return Term{Binary{std::move(b)}}; });
  if (depth == 0) return rc::gen::oneOf(atom, number, big, binary);
  auto items = rc::gen::resize(4, rc::gen::container<std::vector<Term>>(any_term(depth - 1)));
  auto list = rc::gen::map(items, [](std::vector<Term> v) { return Term{List{std::move(v), {}}}; });
  auto tuple = rc::gen::map(items, [](std::vector<Term> v) { return Term{Tuple{std::move(v)}}; });
  auto map = rc::gen::map(items, [](std::vector<Term> v) {
    Map out;
    for (auto& value : v) out.members.emplace_back(int64_t(out.members.size()), std::move(value));
    return Term{std::move(out)};
  });
  return rc::gen::oneOf(atom, number, big, binary, list, tuple, map);
}

RC_GTEST_PROP(Etf, any_term_reads_back, ()) {
  Term term = *any_term(3);
  auto back = read_term(written(term));
  RC_ASSERT(back.ok());
  RC_ASSERT(*back == term);
}

RC_GTEST_PROP(Etf, json_of_any_term_is_json_and_means_the_same_when_it_comes_back, ()) {
  std::string json = json_of(*any_term(3));
  auto back = term_from_json(json);
  RC_ASSERT(back.ok());
  RC_ASSERT(json_of(*back) == json);
}

RC_GTEST_PROP(Etf, floats_keep_every_bit, (uint64_t bits)) {
  double value = 0;
  std::memcpy(&value, &bits, sizeof value);
  RC_PRE(std::isfinite(value));
  RC_ASSERT(*term_from_json(json_of(Term{value})) == Term{value});
}

RC_GTEST_PROP(Etf, integers_keep_their_digits, (bool negative, const std::vector<uint8_t>& more)) {
  std::string digits = negative ? "-7" : "7";
  for (uint8_t n : more) digits += static_cast<char>('0' + n % 10);
  RC_ASSERT(json_of(integer_term(digits)) == digits);
}

RC_GTEST_PROP(Etf, base64_reads_back, (const std::string& bytes)) {
  RC_ASSERT(from_base64(to_base64(bytes)) == bytes);
}

TEST(Base64, refuses_what_is_not) {
  for (const char* text : {"A", "AB=A", "AB", "====", "AB=C", "A===", "/w!=", "/x=="})
    EXPECT_FALSE(from_base64(text)) << text;
  EXPECT_EQ(from_base64("/wA="), std::string("\xFF\0", 2));
  EXPECT_EQ(to_base64("a"), "YQ==");
}

}  // namespace
}  // namespace trivet::wire
