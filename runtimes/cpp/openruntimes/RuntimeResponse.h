#pragma once
// The ways to answer, in the open-runtimes form. A handler returns what one of these made.

#include "RuntimeOutput.h"

namespace runtime {

class RuntimeResponse {
 public:
  RuntimeOutput binary(const std::vector<std::byte>& body, int statusCode = 200,
                       const Json::Value& headers = {}) {
    return {body, statusCode, headers};
  }

  RuntimeOutput text(const std::string& body, int statusCode = 200,
                     const Json::Value& headers = {}) {
    auto bytes = reinterpret_cast<const std::byte*>(body.data());
    return {std::vector<std::byte>(bytes, bytes + body.size()), statusCode, headers};
  }

  RuntimeOutput send(const std::string& body, int statusCode = 200,
                     const Json::Value& headers = {}) {
    return text(body, statusCode, headers);
  }

  // A value that nothing was put into is an empty object.
  RuntimeOutput json(const Json::Value& value, int statusCode = 200, Json::Value headers = {}) {
    Json::StreamWriterBuilder writer;
    writer["indentation"] = "";
    writer["emitUTF8"] = true;
    headers["content-type"] = "application/json";
    return text(value.isNull() ? "{}" : Json::writeString(writer, value), statusCode, headers);
  }

  RuntimeOutput empty() { return text("", 204); }

  RuntimeOutput redirect(const std::string& url, int statusCode = 301, Json::Value headers = {}) {
    headers["location"] = url;
    return text("", statusCode, headers);
  }
};

}  // namespace runtime
