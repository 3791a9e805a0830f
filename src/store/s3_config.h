#pragma once
// What S3 has to be told: the URL of a store, the usual variables, the usual file of credentials.
// Pure but for the file.
//
//   s3://BUCKET[/PREFIX][?style=path|host]
//
// The endpoint is AWS_ENDPOINT_URL_S3, else AWS_ENDPOINT_URL, else AWS's of the region
// (AWS_REGION, AWS_DEFAULT_REGION, else that of the profile, else us-east-1). Credentials are
// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, else the profile (AWS_PROFILE,
// else default) of AWS_SHARED_CREDENTIALS_FILE, else of ~/.aws/credentials. A bucket is part of the
// path with an endpoint of one's own, and of the host's name with AWS's, unless `style` says
// otherwise.

#include <map>
#include <string>

#include "store/remote.h"
#include "store/sigv4.h"

namespace trivet::store {

struct S3Config {
  std::string bucket, prefix;  // the prefix has no slash around it
  std::string scheme, host;    // "https", "s3.eu-west-1.amazonaws.com"; with the port
  bool bucket_in_path = false;
  std::string path;  // of the endpoint, without a slash at its end; often empty
  std::string region;
  Credentials credentials;
  std::string ca_file;
};

// kInvalidRequest when the URL, the endpoint or the file is wrong; kUnauthorized without
// credentials.
Result<S3Config> read_s3_config(const std::string& url, const Variables& variables);

// [section] and `name = value`; what it does not understand it passes over.
using Profile = std::map<std::string, std::string>;
std::map<std::string, Profile> read_profiles(std::string_view text);

}  // namespace trivet::store
