// The native way in: ANY /function/{name}[/path]. For `json` the body is the input and the reply's
// body the output; interfaces that see the request get method, path, query and headers, and their
// status, headers and body pass back as they are.
#include "gateway/gateway.h"
#include "gateway/problem.h"
#include "gateway/spool.h"
#include "gateway/timing.h"

namespace trivet::gateway {
namespace {

// Headers of one hop are not the function's business.
bool passes(std::string_view name) {
  for (std::string_view hop : {"connection", "keep-alive", "transfer-encoding", "upgrade", "te",
                               "trailer", "proxy-connection", "content-length", "date"})
    if (name == hop) return false;
  return true;
}

enum class Authorization { kPass, kKeep };  // kKeep: it was meant for us

worker::RequestHead request_head(const net::Exchange& exchange, std::string path,
                                 Authorization authorization) {
  const net::Request& request = exchange.request();
  worker::RequestHead head;
  head.method = request.method;
  head.path = std::move(path);
  head.query = request.query;
  head.host = request.header("host").value_or("localhost");
  head.scheme = request.header("x-forwarded-proto").value_or("http");
  head.client = exchange.peer();
  for (const auto& header : request.headers) {
    if (header.name == "authorization" && authorization == Authorization::kKeep) continue;
    if (passes(header.name) || header.name == "content-length")
      head.headers.emplace_back(header.name, header.value);
  }
  return head;
}

net::ReplyHeaders reply_headers(const worker::Reply& reply) {
  net::ReplyHeaders headers;
  headers.reserve(reply.headers.size() + 1);
  bool has_type = false;
  for (const auto& [name, value] : reply.headers) {
    if (!passes(name)) continue;
    has_type |= name == "content-type";
    headers.emplace_back(name, value);
  }
  bool has_body = reply.rest || !reply.body.empty();
  if (!has_type && has_body) headers.emplace_back("content-type", "application/json");
  return headers;
}

loop::Task<> stream_reply(net::Exchange& exchange, worker::Reply reply) {
  net::ReplyHeaders headers = reply_headers(reply);
  Status sent = co_await exchange.begin(reply.status, headers, std::nullopt);
  std::string piece = std::move(reply.body);
  do {
    if (sent) sent = co_await exchange.write(piece);
    if (!sent) co_return;
    auto next = co_await reply.rest->next();
    if (!next) co_return exchange.abort();  // the client must see that it is not whole
    piece = std::move(*next);
  } while (!piece.empty());
  co_await exchange.finish();
}

}  // namespace

loop::Task<> handle_echo(Gateway&, net::Exchange& exchange) {
  const net::Request& request = exchange.request();
  worker::Reply reply;
  for (const auto& header : request.headers)
    if (header.name == "content-type") reply.headers.emplace_back(header.name, header.value);
  auto body = exchange.body_at_hand(limits::kPayloadDefault);
  if (!body) {
    auto read = co_await exchange.read_body(limits::kPayloadDefault);
    if (!read) {
      co_await reply_problem(exchange, std::move(read).error());
      co_return;
    }
    body = std::move(*read);
  }
  exchange.own("server-timing") = server_timing({});
  reply.body = std::move(*body);
  net::ReplyHeaders headers = reply_headers(reply);
  co_await exchange.reply(200, headers, reply.body);
}

loop::Task<> handle_native(Gateway& gateway, net::Exchange& exchange, std::string function,
                           std::string path, Audience audience) {
  worker::Call call;
  call.id = exchange.own("x-call-id");
  call.function = std::move(function);
  std::string call_id = call.id;

  size_t payload = limits::kPayloadDefault;
  if (auto spec = gateway.dispatcher().snapshot()->find(call.function)) {
    payload = spec->limits.payload_bytes;
    bool is_ours = audience == Audience::kCallers && gateway.access().takes_authorization(exchange);
    auto authorization = is_ours ? Authorization::kKeep : Authorization::kPass;
    if (spec->interface != "json")
      call.request = request_head(exchange, std::move(path), authorization);
  }
  exchange.own("server-timing") = server_timing({});
  Status taken = co_await take_body(exchange, payload, gateway.config().spool_dir, call);
  if (!taken) {
    co_await reply_problem(exchange, std::move(taken).error(), call_id);
    co_return;
  }

  CallTimer timer{gateway.loop()};
  auto reply = co_await gateway.dispatcher().invoke(std::move(call));
  exchange.own("server-timing") = timer.header(reply);
  if (!reply) {
    co_await reply_problem(exchange, std::move(reply).error(), call_id);
  } else if (reply->rest) {
    co_await stream_reply(exchange, std::move(*reply));
  } else {
    net::ReplyHeaders headers = reply_headers(*reply);
    co_await exchange.reply(reply->status, headers, reply->body);
  }
}

}  // namespace trivet::gateway
