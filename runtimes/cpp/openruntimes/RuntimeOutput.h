#pragma once
// What a handler of the open-runtimes form returns. A header whose value is a list is sent once per
// item.

#include <json/json.h>

#include <any>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace runtime {

struct RuntimeOutput {
  std::vector<std::byte> body;
  int statusCode = 0;  // 0: made by no function of RuntimeResponse
  Json::Value headers;
};

}  // namespace runtime
