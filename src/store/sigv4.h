#pragma once
// AWS Signature Version 4, as S3 has it: a path is encoded once, and the payload's sum is a header
// that is signed. Pure.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace trivet::store {

using Pairs = std::vector<std::pair<std::string, std::string>>;

struct Credentials {
  std::string key_id, secret;
  std::string token;  // of a session; often empty
};

struct ToSign {
  std::string method;
  std::string path;         // "/bucket/a%20key": as it is sent
  Pairs query{};            // names and values before encoding, in any order
  Pairs headers{};          // lower-case names, `host` among them; all are signed
  std::string payload_sum;  // SHA-256 of the body, in hex
};

struct Signer {
  Credentials credentials;
  std::string region;
  std::string service = "s3";
};

// All but A-Z a-z 0-9 - . _ ~ as %XX; the slashes of a path may stay.
std::string uri_escape(std::string_view text, bool keeps_slashes);
// Encoded and sorted as it is signed; it is sent like that, too.
std::string canonical_query(const Pairs& query);
// "20130524T000000Z"
std::string amz_date(int64_t unix_seconds);
// The value of the header Authorization. `date`: as amz_date() gives it, and as x-amz-date has it.
std::string authorization(const ToSign& request, const Signer& signer, const std::string& date);

}  // namespace trivet::store
