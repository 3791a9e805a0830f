// What S3 is told and what it answers; the rest is tested against a server
// (tests/e2e/test_store.py).
#include "store/s3_answers.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "store/s3_config.h"

namespace trivet::store {
namespace {

using Environment = std::map<std::string, std::string>;

Variables from(const Environment& environment) {
  return [&environment](const char* name) -> const char* {
    auto found = environment.find(name);
    return found == environment.end() ? nullptr : found->second.c_str();
  };
}

const Environment kKeys{{"AWS_ACCESS_KEY_ID", "id"}, {"AWS_SECRET_ACCESS_KEY", "secret"}};

TEST(S3Config, is_awss_own_by_the_region_and_the_buckets_name_is_part_of_the_host) {
  Environment environment = kKeys;
  environment["AWS_DEFAULT_REGION"] = "eu-west-3";
  auto config = read_s3_config("s3://bucket/a/b/", from(environment));
  ASSERT_TRUE(config.ok()) << config.error().text();
  EXPECT_EQ(config->scheme + "://" + config->host, "https://bucket.s3.eu-west-3.amazonaws.com");
  EXPECT_EQ(config->prefix, "a/b");
  EXPECT_FALSE(config->bucket_in_path);
  EXPECT_EQ(config->credentials.key_id, "id");
  EXPECT_TRUE(read_s3_config("s3://with.dot", from(environment))->bucket_in_path);
}

TEST(S3Config, an_endpoint_of_ones_own_has_the_bucket_in_the_path_unless_told_otherwise) {
  Environment environment = kKeys;
  environment["AWS_ENDPOINT_URL"] = "https://general.example";
  environment["AWS_ENDPOINT_URL_S3"] = "http://127.0.0.1:9000/s3/";
  auto config = read_s3_config("s3://bucket", from(environment));
  ASSERT_TRUE(config.ok()) << config.error().text();
  EXPECT_EQ(config->host + "|" + config->path, "127.0.0.1:9000|/s3");
  EXPECT_EQ(config->region, "us-east-1");
  EXPECT_TRUE(config->bucket_in_path);
  EXPECT_EQ(config->prefix, "");
  config = read_s3_config("s3://bucket/p?style=host", from(environment));
  EXPECT_EQ(config->host, "bucket.127.0.0.1:9000");
  EXPECT_FALSE(config->bucket_in_path);
}

TEST(S3Config, credentials_come_from_a_profile_when_no_variable_has_them) {
  std::string name = "/tmp/trivet-profile-XXXXXX";
  int fd = mkstemp(name.data());
  close(fd);
  std::ofstream(name) << "# ours\n[default]\naws_access_key_id=one\naws_secret_access_key = two\n\n"
                         "[ other ]\n aws_access_key_id = three \naws_secret_access_key=fo=ur\n"
                         "aws_session_token=five\nregion=here\nnonsense\n";
  Environment environment{{"AWS_SHARED_CREDENTIALS_FILE", name}};
  auto config = read_s3_config("s3://bucket", from(environment));
  ASSERT_TRUE(config.ok()) << config.error().text();
  EXPECT_EQ(config->credentials.key_id + config->credentials.secret, "onetwo");
  environment["AWS_PROFILE"] = "other";
  config = read_s3_config("s3://bucket", from(environment));
  const auto& own = config->credentials;
  EXPECT_EQ(own.key_id + "|" + own.secret + "|" + own.token, "three|fo=ur|five");
  EXPECT_EQ(config->region, "here");
  environment["AWS_PROFILE"] = "none";
  EXPECT_EQ(read_s3_config("s3://bucket", from(environment)).error().code,
            ErrorCode::kUnauthorized);
  unlink(name.c_str());
}

TEST(S3Config, a_url_that_is_none_is_refused) {
  for (const char* url : {"", "s3://", "s3:///x", "s3://UPPER", "s3://b", "s3://user:pw@bucket/x",
                          "s3://bucket/x?style=odd", "s3://bucket/a b", "http://bucket", "file://",
                          "file:///", "file://host/x", "/srv"})
    EXPECT_FALSE(check_store_url(url).ok()) << url;
  for (const char* url : {"s3://bucket", "s3://bucket/", "s3://bucket/a?style=path", "file:///srv"})
    EXPECT_TRUE(check_store_url(url).ok()) << url;
  Environment environment = kKeys;
  for (const char* endpoint : {"127.0.0.1:9000", "ftp://x", "http://x?y", "http://u@x"}) {
    environment["AWS_ENDPOINT_URL_S3"] = endpoint;
    EXPECT_FALSE(read_s3_config("s3://bucket", from(environment)).ok()) << endpoint;
  }
}

HttpAnswer answer(int status, const std::string& code = "", const std::string& message = "") {
  HttpAnswer out;
  out.status = status;
  if (!code.empty())
    out.body = "<?xml version=\"1.0\"?><Error><Code>" + code + "</Code><Message>" + message +
               "</Message></Error>";
  return out;
}

TEST(S3Answers, an_error_says_where_what_and_what_to_do) {
  Error error =
      error_of(answer(403, "SignatureDoesNotMatch", "not &lt;equal&gt; &amp;lt;"), "S3 at x");
  EXPECT_EQ(error.code, ErrorCode::kUnauthorized);
  EXPECT_EQ(error.message, "S3 at x: HTTP 403 SignatureDoesNotMatch: not <equal> &lt;");
  EXPECT_NE(error.hint.find("AWS_SECRET_ACCESS_KEY"), std::string::npos);
  EXPECT_EQ(error_of(answer(404), "x").code, ErrorCode::kNotFound);
  EXPECT_EQ(error_of(answer(404, "NoSuchKey"), "x").code, ErrorCode::kNotFound);
  EXPECT_EQ(error_of(answer(404, "NoSuchBucket"), "x").code, ErrorCode::kInvalidRequest);
  EXPECT_EQ(error_of(answer(503, "SlowDown"), "x").code, ErrorCode::kUnavailable);
  EXPECT_NE(error_of(answer(301), "x").hint.find("AWS_REGION"), std::string::npos);
}

TEST(S3Answers, what_may_pass_is_tried_again) {
  for (int status : {429, 500, 502, 503, 504}) EXPECT_TRUE(is_worth_another_try(answer(status)));
  EXPECT_TRUE(is_worth_another_try(answer(400, "RequestTimeout")));
  for (int status : {200, 204, 301, 400, 403, 404, 412, 501})
    EXPECT_FALSE(is_worth_another_try(answer(status))) << status;
}

TEST(S3Answers, of_xml_what_stands_between_tags) {
  std::string text = "<L><K>a&amp;b</K><K></K><N><K>c</K></N><K>cut";
  EXPECT_EQ(xml_inside(text, "K"), (std::vector<std::string>{"a&amp;b", "", "c"}));
  EXPECT_EQ(xml_text(text, "K"), "a&b");
  EXPECT_EQ(xml_text(text, "M"), "");
}

}  // namespace
}  // namespace trivet::store
