#pragma once
// Between trivet's context interface and runtime::Handler. Included behind the user's code.

#include "RuntimeContext.h"

namespace runtime {

inline Json::Value object_of(const trivet::Variables& pairs) {
  Json::Value object(Json::objectValue);
  for (const auto& [name, value] : pairs) object[name] = value;
  return object;
}

inline RuntimeContext::RuntimeContext(const trivet::http::Context& context) : host(&context) {
  const auto& told = context.req;
  req.method = told.method, req.scheme = told.scheme, req.host = told.host, req.path = told.path,
  req.queryString = told.queryString, req.url = told.url;
  req.port = told.port;
  req.query = object_of(told.query), req.headers = object_of(told.headers);
  req.bodyText = req.bodyRaw = told.bodyText;
  auto bytes = reinterpret_cast<const std::byte*>(told.bodyText.data());
  req.bodyBinary.assign(bytes, bytes + told.bodyText.size());
  std::unique_ptr<Json::CharReader> reader(Json::CharReaderBuilder().newCharReader());
  const char* begin = told.bodyText.data();
  if (!reader->parse(begin, begin + told.bodyText.size(), &req.bodyJson, nullptr))
    req.bodyJson = Json::Value();
  std::string type = req.headers.get("content-type", "").asString().substr(0, 16);
  for (char& c : type) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (type != "application/json")
    req.body = req.bodyText;
  else
    req.body = told.bodyText.empty() ? Json::Value(Json::objectValue) : req.bodyJson;
}

inline trivet::http::Response serve(trivet::http::Context& told) {
  RuntimeContext context(told);
  RuntimeOutput output = Handler::main(context);
  trivet::http::Headers headers;
  for (const std::string& name : output.headers.getMemberNames()) {
    const Json::Value& value = output.headers[name];
    if (!value.isArray())
      headers.emplace_back(name, value.asString());
    else
      for (const Json::Value& each : value) headers.emplace_back(name, each.asString());
  }
  return {output.statusCode,
          std::string(reinterpret_cast<const char*>(output.body.data()), output.body.size()),
          std::move(headers), nullptr};
}

}  // namespace runtime
