// Administration: what exists, what lives, what was logged. JSON by views.cc; logs as server-sent
// events.
#include <boost/json.hpp>
#include <charconv>

#include "gateway/doctor.h"
#include "gateway/gateway.h"
#include "gateway/openapi.h"
#include "gateway/problem.h"
#include "gateway/vault.h"
#include "wire/query.h"

namespace trivet::gateway {
namespace {

constexpr size_t kLinesPerTurn = 500;
constexpr auto kHeartbeat = 15s;

loop::Task<Status> reply_text(net::Exchange& exchange, int status, std::string type,
                              std::string body) {
  net::ReplyHeaders headers{{"content-type", std::move(type)}};
  co_return co_await exchange.reply(status, headers, body);
}

struct LogQuery {
  telemetry::LogFilter filter;
  size_t tail = limits::kLogStoreLines;
  bool follow = true;
};

Result<LogQuery> read_log_query(std::string_view query) {
  LogQuery result;
  auto function = wire::query_value(query, "function");
  if (!function) return std::move(function).error();
  auto call = wire::query_value(query, "call");
  if (!call) return std::move(call).error();
  result.filter = {std::move(*function), std::move(*call)};
  auto follow = wire::query_value(query, "follow");
  if (!follow) return std::move(follow).error();
  result.follow = *follow != "0";
  auto tail = wire::query_value(query, "tail");
  if (!tail) return std::move(tail).error();
  if (tail->empty()) return result;
  auto [end, wrong] = std::from_chars(tail->data(), tail->data() + tail->size(), result.tail);
  if (wrong == std::errc{} && end == tail->data() + tail->size()) return result;
  return Error{ErrorCode::kInvalidRequest, "tail is \"" + *tail + "\", not a number of lines"};
}

// GET /v1/logs?function=&call=&tail=100&follow=1
loop::Task<> stream_logs(Gateway& gateway, net::Exchange& exchange) {
  auto query = read_log_query(exchange.request().query);
  if (!query) {
    co_await reply_problem(exchange, std::move(query).error());
    co_return;
  }
  co_await gateway.sources().logs_here();
  const telemetry::LogFilter& filter = query->filter;
  telemetry::LogStore& logs = gateway.sources().logs;
  uint64_t next = logs.tail(filter, query->tail);
  net::ReplyHeaders headers{{"content-type", "text/event-stream"},
                            {"cache-control", "no-store"},
                            {"x-accel-buffering", "no"}};
  Status sent = co_await exchange.begin(200, headers, std::nullopt);
  while (sent) {
    uint64_t missed = 0;
    std::string out;
    auto lines = logs.read(filter, next, kLinesPerTurn, missed);
    if (missed > 0) out += "event: missed\ndata: {\"lines\":" + std::to_string(missed) + "}\n\n";
    for (const auto& line : lines) out += "event: log\ndata: " + telemetry::to_json(line) + "\n\n";
    sent = co_await exchange.write(out);
    if (next < logs.end()) continue;
    if (!query->follow) break;
    bool grown = co_await logs.grown(after(gateway.loop().now(), kHeartbeat));
    if (!grown) sent = co_await exchange.write(": still here\n\n");
  }
  co_await exchange.finish();
}

// Its files are written elsewhere, and are on disk before it is answered.
loop::Task<> serve_vault(Gateway& gateway, net::Exchange& exchange) {
  auto body = co_await exchange.read_body(vault::kValueMost);
  if (!body) {
    co_await reply_problem(exchange, std::move(body).error());
    co_return;
  }
  const net::Request& asked = exchange.request();
  VaultRequest request{std::string{asked.method}, std::string{asked.path}, std::string{asked.query},
                       std::move(*body)};
  const VaultParts& parts = gateway.config().vault;
  int64_t now_ms = gateway.sources().clock.unix_ms();
  auto work = [secrets = parts.secrets, tokens = parts.tokens, request = std::move(request),
               now_ms] { return answer_vault(*secrets, *tokens, request, now_ms); };
  auto answer = co_await parts.blocking->run(gateway.loop(), std::move(work));
  if (!answer) {
    co_await reply_problem(exchange, std::move(answer).error());
    co_return;
  }
  if (answer->secrets_changed) co_await parts.adopt_secrets();
  net::ReplyHeaders headers{{"content-type", "application/json"}, {"cache-control", "no-store"}};
  std::string text = answer->body.is_null() ? "" : wire::to_text(answer->body) + "\n";
  co_await exchange.reply(answer->status, headers, text);
}

loop::Task<Status> examine(Gateway& gateway, net::Exchange& exchange) {
  std::string body = co_await doctor_page(gateway.sources());
  co_return co_await reply_text(exchange, 200, "application/json", std::move(body));
}

loop::Task<> show(Gateway& gateway, net::Exchange& exchange, std::string path) {
  if (path == "/v1/runtimes") co_await gateway.config().probe_runtimes();
  auto census = co_await gateway.sources().census();
  auto view = view_by_path(gateway.sources(), census, path);
  if (!view) {
    co_await reply_problem(exchange, std::move(view).error());
    co_return;
  }
  co_await reply_text(exchange, 200, "application/json", wire::to_text(*view) + "\n");
}

}  // namespace

loop::Task<> handle_admin(Gateway& gateway, net::Exchange& exchange, std::string path) {
  std::string_view method = exchange.request().method;
  bool reads = method == "GET" || method == "HEAD";
  if (is_vault_path(path)) {
    co_await serve_vault(gateway, exchange);
  } else if (!reads || path == "/v1/echo") {
    Error error = wrong_method(exchange.request(), path == "/v1/echo" ? "POST" : "GET, HEAD");
    co_await reply_problem(exchange, std::move(error));
  } else if (path == "/healthz") {
    co_await reply_text(exchange, 200, "text/plain; charset=utf-8", "ok\n");
  } else if (path == "/readyz") {
    int status = gateway.dispatcher().draining() ? 503 : 200;
    std::string body = status == 200 ? "ready\n" : "draining\n";
    co_await reply_text(exchange, status, "text/plain; charset=utf-8", std::move(body));
  } else if (path == "/metrics") {
    auto census = co_await gateway.sources().census();
    co_await reply_text(exchange, 200, "text/plain; version=0.0.4; charset=utf-8",
                        metrics_view(gateway.sources(), census));
  } else if (path == "/openapi.json") {
    co_await reply_text(exchange, 200, "application/json", std::string{openapi_json()});
  } else if (path == "/") {
    co_await reply_text(exchange, 200, "text/plain; charset=utf-8",
                        "trivet serves functions at /function/NAME.\nFunctions: /v1/functions   "
                        "Workers: /v1/workers   API: /openapi.json\n");
  } else if (path == "/v1/doctor") {
    co_await examine(gateway, exchange);
  } else if (path == "/v1/logs") {
    co_await stream_logs(gateway, exchange);
  } else {
    co_await show(gateway, exchange, std::move(path));
  }
}

}  // namespace trivet::gateway
