// The Alyx HTTP API: functions that were written for Alyx are called and listed as there.
//
//   GET  /api/functions            {"functions": [{"name", "runtime"}], "count"}
//   GET  /api/functions/{name}     one function; values of env are private and not shown
//   POST /api/functions/{name}     {"success", "output" | "error", "logs"?, "duration_ms"}; a
//                                  function that fails is still 200
//   POST /api/functions/reload     {"success", "count", "message"}
//   GET  /api/functions/stats      {"pools": {...}}
//
// Errors are {"error", "code", "message"}.
#include <boost/json.hpp>

#include "gateway/alyx/multipart.h"
#include "gateway/gateway.h"
#include "gateway/problem.h"
#include "gateway/timing.h"

namespace trivet::gateway {
namespace {

namespace json = wire::json;

constexpr size_t kBodyMost = limits::kPayloadDefault;

// GCC 12 cannot compile a braced list inside a co_await expression: bodies are named first.
loop::Task<Status> reply_json(net::Exchange& exchange, int status, json::value body) {
  net::ReplyHeaders headers{{"content-type", "application/json"}};
  std::string text = wire::to_text(body);
  co_return co_await exchange.reply(status, headers, text);
}

loop::Task<Status> reply_error(net::Exchange& exchange, int status, std::string code,
                               std::string message) {
  json::object body{{"error", message}, {"code", code}, {"message", message}};
  co_return co_await reply_json(exchange, status, std::move(body));
}

json::value list(const Gateway& gateway) {
  const auto& snapshot = *gateway.sources().dispatcher.snapshot();
  json::array functions;
  for (const auto& name : snapshot.names())
    functions.push_back(json::object{{"name", name}, {"runtime", snapshot.find(name)->runtime}});
  size_t count = functions.size();
  return json::object{{"functions", std::move(functions)}, {"count", count}};
}

json::value describe(const catalog::FunctionSpec& spec) {
  json::object env;
  for (const auto& [key, value] : spec.env) env[key] = "***";
  json::object row{{"name", spec.name},
                   {"runtime", spec.runtime},
                   {"path", spec.dir.string()},
                   {"entrypoint", spec.entrypoint},
                   {"description", spec.description},
                   {"enabled", true},
                   {"timeout", static_cast<int64_t>(to_ms(spec.limits.timeout) / 1000)},
                   {"memory", 0},
                   {"env", std::move(env)}};
  auto sample = wire::parse_json(spec.sample_input);
  row["sample_input"] = sample ? *sample : json::value(nullptr);
  return row;
}

struct BadInput {
  std::string_view code;  // Alyx's
  std::string message;
};

// The body as the function's input, which is an object.
std::optional<BadInput> read_input(std::string_view content_type, std::string& body) {
  if (is_multipart(content_type)) {
    auto input = multipart_input(content_type, body);
    if (!input) return BadInput{"INVALID_MULTIPART", input.error().message};
    body = wire::to_text(*input);
    return std::nullopt;
  }
  if (body.empty()) {
    body = "{}";
    return std::nullopt;
  }
  auto parsed = wire::parse_json(body);
  if (!parsed) return BadInput{"INVALID_JSON", parsed.error().message};
  if (!parsed->is_object()) return BadInput{"INVALID_JSON", "the body is not a JSON object"};
  return std::nullopt;
}

json::value json_or_text(const std::string& text) {
  auto parsed = wire::parse_json(text);
  return parsed ? *parsed : json::value(text);
}

// {"code", "message", "details"?}: details as the function gave them, else the facts that we have.
json::object error_row(const Error& error) {
  json::object row{{"code", traits(error.code).name}, {"message", error.message}}, facts;
  const std::string* given = nullptr;
  for (const auto& [key, value] : error.details) {
    if (key == "function_code")
      row["code"] = value;
    else if (key == "function_details")
      given = &value;
    else if (key == "exit_code")
      facts[key] = json_or_text(value);
    else if (key != "function")
      facts[key] = value;
  }
  if (given)
    row["details"] = json_or_text(*given);
  else if (!facts.empty())
    row["details"] = std::move(facts);
  return row;
}

json::array logs_of(const Gateway& gateway, const std::string& call_id) {
  json::array logs;
  telemetry::LogFilter filter{{}, call_id};
  const telemetry::LogStore& store = gateway.sources().logs;
  uint64_t next = store.tail(filter, limits::kQueueDefault), missed = 0;
  for (const auto& line : store.read(filter, next, limits::kQueueDefault, missed))
    if (line.stream == LogStream::kLog)
      logs.push_back(json::object{
          {"level", name(line.level)}, {"message", line.message}, {"timestamp", line.time_ms}});
  return logs;
}

loop::Task<> invoke(Gateway& gateway, net::Exchange& exchange, std::string function) {
  auto body = co_await exchange.read_body(kBodyMost);
  if (!body) {
    co_await reply_problem(exchange, std::move(body).error());
    co_return;
  }
  auto bad = read_input(exchange.request().header("content-type").value_or(""), *body);
  if (bad) {
    co_await reply_error(exchange, 400, std::string{bad->code}, std::move(bad->message));
    co_return;
  }
  worker::Call call;
  call.id = exchange.own("x-call-id");
  call.function = std::move(function);
  call.input = std::move(*body);
  CallTimer timer{gateway.loop()};
  auto reply = co_await gateway.dispatcher().invoke(std::move(call));
  auto duration_ms = static_cast<int64_t>(to_ms(timer.elapsed()));
  exchange.own("server-timing") = timer.header(reply);
  if (!reply && reply.error().code == ErrorCode::kFunctionNotFound) {
    co_await reply_error(exchange, 404, "FUNCTION_NOT_FOUND", reply.error().message);
    co_return;
  }
  json::object out{{"success", reply.ok()}};
  if (reply)
    out["output"] = json_or_text(reply->body);
  else
    out["error"] = error_row(reply.error());
  json::array logs = logs_of(gateway, exchange.own("x-call-id"));
  if (!logs.empty()) out["logs"] = std::move(logs);
  out["duration_ms"] = duration_ms;
  co_await reply_json(exchange, 200, std::move(out));
}

loop::Task<> reload(Gateway& gateway, net::Exchange& exchange) {
  auto changed = co_await gateway.config().reload();
  if (!changed) {
    co_await reply_error(exchange, 500, "RELOAD_ERROR", changed.error().message);
    co_return;
  }
  size_t count = gateway.dispatcher().snapshot()->functions.size();
  json::object body{{"success", true}, {"count", count}, {"message", "functions reloaded"}};
  co_await reply_json(exchange, 200, std::move(body));
}

loop::Task<> refuse_method(net::Exchange& exchange, std::string allow) {
  std::string message =
      std::string{exchange.request().method} + " is not served here; use " + allow;
  exchange.own("allow") = std::move(allow);
  co_await reply_error(exchange, 405, "METHOD_NOT_ALLOWED", std::move(message));
}

}  // namespace

loop::Task<> handle_alyx(Gateway& gateway, net::Exchange& exchange, std::string path) {
  std::string_view method = exchange.request().method;
  bool reads = method == "GET" || method == "HEAD";
  std::string name = path.empty() ? "" : path.substr(1);
  if (!reads && (method != "POST" || name.empty())) {
    std::string allow = name.empty() ? "GET, HEAD" : "GET, HEAD, POST";
    co_await refuse_method(exchange, std::move(allow));
  } else if (name.empty()) {
    co_await reply_json(exchange, 200, list(gateway));
  } else if (!reads && name == "reload") {
    co_await reload(gateway, exchange);
  } else if (reads && name == "stats") {
    auto census = co_await gateway.sources().census();
    json::object body{{"pools", stats_view(gateway.sources(), census).as_object()["by_function"]}};
    co_await reply_json(exchange, 200, std::move(body));
  } else if (!reads) {
    co_await invoke(gateway, exchange, std::move(name));
  } else if (auto spec = gateway.dispatcher().snapshot()->find(name)) {
    co_await reply_json(exchange, 200, describe(*spec));
  } else {
    co_await reply_error(exchange, 404, "FUNCTION_NOT_FOUND", "there is no function " + name);
  }
}

}  // namespace trivet::gateway
