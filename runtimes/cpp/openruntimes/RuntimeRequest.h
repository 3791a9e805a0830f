#pragma once
// The request, in the open-runtimes form. Everything is there from the beginning: user code reads
// members.

#include <json/json.h>

#include <any>
#include <cstddef>
#include <string>
#include <vector>

namespace runtime {

struct RuntimeRequest {
  std::string method, scheme, host, path, queryString, url;
  int port = 80;
  Json::Value query, headers;  // objects
  std::vector<std::byte> bodyBinary;
  std::string bodyText, bodyRaw;
  Json::Value bodyJson;  // null when the body is not JSON
  std::any body;         // Json::Value when the content type is JSON, else std::string
};

}  // namespace runtime
