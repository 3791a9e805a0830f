// The C interface over the C++ one: handles are pointers to these structs, errors become JSON.
#include "trivet/c.h"

#include <cstdlib>
#include <cstring>

#include "trivet/host.h"
#include "wire/json.h"

struct trivet_host {
  std::unique_ptr<trivet::Host> host;
};

struct trivet_reply {
  trivet::CallReply reply;
};

namespace {

using trivet::Error;
using trivet::ErrorCode;

char* copy_of(std::string_view text) {
  char* out = static_cast<char*>(std::malloc(text.size() + 1));
  if (!out) return nullptr;
  std::memcpy(out, text.data(), text.size());
  out[text.size()] = '\0';
  return out;
}

char* json_of(const Error& error) {
  std::string out;
  trivet::wire::ObjectWriter writer{out};
  writer.text("code", trivet::traits(error.code).name).text("message", error.message);
  writer.text("hint", error.hint);
  for (const auto& [key, value] : error.details) writer.text(key, value);
  writer.close();
  return copy_of(out);
}

std::nullptr_t refuse(const Error& error, char** out) {
  if (out) *out = json_of(error);
  return nullptr;
}

trivet::Result<trivet::HostConfig> config_of(const char* text) {
  trivet::HostConfig config;
  if (!text || !*text) return config;
  auto parsed = trivet::wire::parse_json(text);
  if (!parsed) return std::move(parsed).error();
  if (!parsed->is_object())
    return Error{ErrorCode::kInvalidInput, "the configuration is not a JSON object"};
  const auto& object = parsed->as_object();
  config.root = trivet::wire::get_string(object, "root", config.root);
  config.data_dir = trivet::wire::get_string(object, "data_dir");
  config.sandbox = trivet::wire::get_string(object, "sandbox");
  config.access_token = trivet::wire::get_string(object, "access_token");
  config.drain_timeout_ms =
      trivet::wire::get_int(object, "drain_timeout_ms", config.drain_timeout_ms);
  if (const auto* watch = object.if_contains("watch"))
    config.watch = watch->is_bool() && watch->as_bool();
  auto texts = [&object](const char* key, std::vector<std::string>& target) {
    if (const auto* list = trivet::wire::get_array(object, key))
      for (const auto& item : *list)
        if (item.is_string()) target.emplace_back(item.as_string());
  };
  texts("listen", config.listen);
  texts("runtime_dirs", config.runtime_dirs);
  return config;
}

char* view_of(trivet_host* host, const std::string& path, char** error) {
  auto view = host->host->view(path);
  return view ? copy_of(*view) : refuse(view.error(), error);
}

trivet::CallRequest request_of(const char* function, const void* input, size_t size) {
  trivet::CallRequest request;
  request.function = function;
  if (size > 0) request.input.assign(static_cast<const char*>(input), size);
  return request;
}

}  // namespace

extern "C" {

const char* trivet_version(void) { return trivet::version().data(); }
int trivet_abi_version(void) { return 1; }

trivet_host* trivet_host_open(const char* config_json, char** error) {
  auto config = config_of(config_json);
  if (!config) return refuse(config.error(), error);
  auto host = trivet::Host::open(std::move(*config));
  if (!host) return refuse(host.error(), error);
  return new trivet_host{std::move(*host)};
}

int trivet_host_start(trivet_host* host, char** error) {
  trivet::Status started = host->host->start();
  if (started) return 0;
  refuse(started.error(), error);
  return -1;
}

int trivet_host_close(trivet_host* host, char** error) {
  trivet::Status closed = host->host->close();
  if (closed) return 0;
  refuse(closed.error(), error);
  return -1;
}

void trivet_host_free(trivet_host* host) { delete host; }

trivet_reply* trivet_invoke(trivet_host* host, const char* function, const void* input,
                            size_t input_size, char** error) {
  auto reply = host->host->invoke(request_of(function, input, input_size));
  if (!reply) return refuse(reply.error(), error);
  return new trivet_reply{std::move(*reply)};
}

void trivet_invoke_async(trivet_host* host, const char* function, const void* input,
                         size_t input_size, trivet_done done, void* context) {
  host->host->invoke(request_of(function, input, input_size),
                     [done, context](trivet::Result<trivet::CallReply> reply) {
                       if (reply)
                         done(context, new trivet_reply{std::move(*reply)}, nullptr);
                       else
                         done(context, nullptr, json_of(reply.error()));
                     });
}

int trivet_reply_status(const trivet_reply* reply) { return reply->reply.status; }

const void* trivet_reply_body(const trivet_reply* reply, size_t* size) {
  if (size) *size = reply->reply.body.size();
  return reply->reply.body.data();
}

const char* trivet_reply_call_id(const trivet_reply* reply) { return reply->reply.call_id.c_str(); }

const char* trivet_reply_header(const trivet_reply* reply, const char* name) {
  for (const auto& [key, value] : reply->reply.headers)
    if (key == name) return value.c_str();
  return nullptr;
}

void trivet_reply_free(trivet_reply* reply) { delete reply; }

char* trivet_get_function(trivet_host* host, const char* name, char** error) {
  return view_of(host, std::string{"/v1/functions/"} + name, error);
}

char* trivet_list_functions(trivet_host* host, char** error) {
  return view_of(host, "/v1/functions", error);
}

char* trivet_stats(trivet_host* host, char** error) { return view_of(host, "/v1/stats", error); }

char* trivet_reload_functions(trivet_host* host, char** error) {
  auto changed = host->host->reload_functions();
  if (!changed) return refuse(changed.error(), error);
  trivet::wire::json::array names;
  for (const auto& name : *changed) names.emplace_back(name);
  return copy_of(trivet::wire::to_text(names));
}

char* trivet_token_issue(trivet_host* host, const char* function) {
  return copy_of(host->host->token_store().issue(function));
}

char* trivet_token_verify(trivet_host* host, const char* token) {
  std::string function = host->host->token_store().verify(token);
  return function.empty() ? nullptr : copy_of(function);
}

void trivet_string_free(char* string) { std::free(string); }

}  // extern "C"
