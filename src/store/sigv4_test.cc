// The vectors that AWS publishes.
#include "store/sigv4.h"

#include <gtest/gtest.h>

namespace trivet::store {
namespace {

constexpr const char* kOfNothing =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

struct Vector {
  const char* name;
  ToSign request;
  const char* signature;
};

std::string signature_of(const ToSign& request, const Signer& signer, const std::string& date) {
  std::string all = authorization(request, signer, date);
  return all.substr(all.rfind('=') + 1);
}

TEST(SigV4, signs_the_examples_of_s3) {
  const std::string date = "20130524T000000Z";
  const Signer signer{{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""},
                      "us-east-1"};
  auto headers = [&](Pairs more, const std::string& sum) {
    more.emplace_back("x-amz-date", date);
    more.emplace_back("host", "examplebucket.s3.amazonaws.com");
    more.emplace_back("x-amz-content-sha256", sum);
    return more;
  };
  const std::string welcome = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
  const std::vector<Vector> all{
      {"get object",
       {"GET", "/test.txt", {}, headers({{"range", "bytes=0-9"}}, kOfNothing), kOfNothing},
       "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
      {"put object",
       {"PUT",
        "/" + uri_escape("test$file.text", true),
        {},
        headers({{"date", "Fri, 24 May 2013 00:00:00 GMT"},
                 {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                welcome),
        welcome},
       "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
      {"get bucket lifecycle",
       {"GET", "/", {{"lifecycle", ""}}, headers({}, kOfNothing), kOfNothing},
       "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
      {"list objects",
       {"GET", "/", {{"prefix", "J"}, {"max-keys", "2"}}, headers({}, kOfNothing), kOfNothing},
       "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
  };
  for (const auto& vector : all)
    EXPECT_EQ(signature_of(vector.request, signer, date), vector.signature) << vector.name;
}

TEST(SigV4, signs_the_example_of_the_general_reference) {
  const std::string date = "20150830T123600Z";
  const Signer signer{
      {"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""}, "us-east-1", "iam"};
  ToSign request{"GET",
                 "/",
                 {{"Version", "2010-05-08"}, {"Action", "ListUsers"}},
                 {{"content-type", "application/x-www-form-urlencoded; charset=utf-8"},
                  {"host", "iam.amazonaws.com"},
                  {"x-amz-date", date}},
                 kOfNothing};
  EXPECT_EQ(authorization(request, signer, date),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request,"
            "SignedHeaders=content-type;host;x-amz-date,"
            "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
}

TEST(SigV4, blanks_in_headers_do_not_matter) {
  Signer signer{{"k", "s", ""}, "r"};
  ToSign one{"GET", "/", {}, {{"host", "h"}, {"x", "a b"}}, kOfNothing}, two = one;
  two.headers[1].second = "  a \t b ";
  EXPECT_EQ(authorization(one, signer, "20200101T000000Z"),
            authorization(two, signer, "20200101T000000Z"));
}

TEST(SigV4, queries_are_encoded_and_sorted_and_dates_are_utc) {
  EXPECT_EQ(canonical_query({{"prefix", "a/b c"}, {"list-type", "2"}, {"uploads", ""}}),
            "list-type=2&prefix=a%2Fb%20c&uploads=");
  EXPECT_EQ(uri_escape("a/b+\xc3\xa4~", true), "a/b%2B%C3%A4~");
  EXPECT_EQ(amz_date(1369353600), "20130524T000000Z");
}

}  // namespace
}  // namespace trivet::store
