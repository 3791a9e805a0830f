// The Alyx HTTP API: functions that were written for Alyx are called and listed as there.
//
//   GET  /api/functions            {"functions": [{"name", "runtime"}], "count"}
//   GET  /api/functions/{name}     one function
//   POST /api/functions/{name}     {"success", "output" | "error", "duration_ms"}; a function that
//   fails is still 200 POST /api/functions/reload     {"success", "count", "message"} GET
//   /api/functions/stats      {"pools": {...}}
#include <boost/json.hpp>

#include "base/ids.h"
#include "gateway/gateway.h"
#include "gateway/problem.h"

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
  for (const auto& [key, value] : spec.env) env[key] = value;
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

loop::Task<> invoke(Gateway& gateway, net::Exchange& exchange, std::string function) {
  auto body = co_await exchange.read_body(kBodyMost);
  if (!body) {
    co_await reply_problem(exchange, std::move(body).error(), std::string{});
    co_return;
  }
  if (!body->empty()) {
    auto parsed = wire::parse_json(*body);
    if (!parsed || !parsed->is_object()) {
      std::string why = parsed ? "the body is not a JSON object" : parsed.error().message;
      co_await reply_error(exchange, 400, "INVALID_JSON", std::move(why));
      co_return;
    }
  }
  worker::Call call;
  call.id = new_call_id(gateway.sources().clock.unix_ms());
  call.function = std::move(function);
  call.input = body->empty() ? "{}" : std::move(*body);
  Instant begin = gateway.loop().now();
  std::string call_id = call.id;
  auto reply = co_await gateway.dispatcher().invoke(std::move(call));
  auto duration_ms = static_cast<int64_t>(to_ms(gateway.loop().now() - begin));

  json::array logs;
  telemetry::LogFilter filter{{}, call_id};
  uint64_t next = gateway.sources().logs.tail(filter, limits::kQueueDefault), missed = 0;
  for (const auto& line : gateway.sources().logs.read(filter, next, limits::kQueueDefault, missed))
    if (line.stream == LogStream::kLog)
      logs.push_back(json::object{
          {"level", name(line.level)}, {"message", line.message}, {"timestamp", line.time_ms}});

  json::object out{{"success", reply.ok()}};
  if (reply) {
    auto output = wire::parse_json(reply->body);
    out["output"] = output ? *output : json::value(reply->body);
  } else {
    const Error& error = reply.error();
    if (error.code == ErrorCode::kFunctionNotFound) {
      co_await reply_error(exchange, 404, "FUNCTION_NOT_FOUND", error.message);
      co_return;
    }
    std::string code{traits(error.code).name};
    for (const auto& [key, value] : error.details)
      if (key == "function_code") code = value;
    out["error"] = json::object{{"code", code}, {"message", error.message}};
  }
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

}  // namespace

loop::Task<> handle_alyx(Gateway& gateway, net::Exchange& exchange, std::string path) {
  std::string method{exchange.request().method};
  std::string name = path.empty() ? "" : path.substr(1);
  if (name.empty()) {
    co_await reply_json(exchange, 200, list(gateway));
  } else if (method == "POST" && name == "reload") {
    co_await reload(gateway, exchange);
  } else if (method == "GET" && name == "stats") {
    json::object body{{"pools", stats_view(gateway.sources()).as_object()["by_function"]}};
    co_await reply_json(exchange, 200, std::move(body));
  } else if (method == "POST") {
    co_await invoke(gateway, exchange, std::move(name));
  } else if (auto spec = gateway.dispatcher().snapshot()->find(name)) {
    co_await reply_json(exchange, 200, describe(*spec));
  } else {
    co_await reply_error(exchange, 404, "FUNCTION_NOT_FOUND", "there is no function " + name);
  }
}

}  // namespace trivet::gateway
