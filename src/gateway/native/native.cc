// The native way in: ANY /function/{name}[/path]. For `json` the body is the input and the reply's
// body the output; interfaces that see the request get method, path, query and headers, and their
// status, headers and body pass back as they are.
#include <algorithm>

#include "base/ids.h"
#include "gateway/gateway.h"
#include "gateway/problem.h"
#include "gateway/spool.h"

namespace trivet::gateway {
namespace {

// Headers of one hop are not the function's business.
bool passes(std::string_view name) {
  for (std::string_view hop : {"connection", "keep-alive", "transfer-encoding", "upgrade", "te",
                               "trailer", "proxy-connection", "content-length", "date"})
    if (name == hop) return false;
  return true;
}

worker::RequestHead request_head(const net::Request& request, std::string path) {
  worker::RequestHead head;
  head.method = request.method;
  head.path = std::move(path);
  head.query = request.query;
  head.host = request.header("host").value_or("localhost");
  head.scheme = request.header("x-forwarded-proto").value_or("http");
  for (const auto& header : request.headers)
    if (passes(header.name) || header.name == "content-length")
      head.headers.emplace_back(header.name, header.value);
  return head;
}

// Milliseconds with three digits: as "%.3f", in a tenth of the time.
void append_ms(std::string& out, Duration d) {
  int64_t us = std::max<int64_t>(0, std::chrono::round<std::chrono::microseconds>(d).count());
  out += std::to_string(us / 1000);
  char fraction[4] = {'.', static_cast<char>('0' + us / 100 % 10),
                      static_cast<char>('0' + us / 10 % 10), static_cast<char>('0' + us % 10)};
  out.append(fraction, sizeof fraction);
}

std::string server_timing(const worker::Timing& timing) {
  std::string text;
  text.reserve(64);
  append_ms(text += "queue;dur=", timing.queue);
  append_ms(text += ", start;dur=", timing.start);
  append_ms(text += ", run;dur=", timing.run);
  return text;
}

net::ReplyHeaders reply_headers(const worker::Reply& reply, const std::string& call_id) {
  net::ReplyHeaders headers;
  headers.reserve(reply.headers.size() + 3);
  bool has_type = false;
  for (const auto& [name, value] : reply.headers) {
    if (!passes(name)) continue;
    has_type |= name == "content-type";
    headers.emplace_back(name, value);
  }
  if (!has_type) headers.emplace_back("content-type", "application/json");
  headers.emplace_back("x-call-id", call_id);
  headers.emplace_back("server-timing", server_timing(reply.timing));
  return headers;
}

loop::Task<> stream_reply(net::Exchange& exchange, worker::Reply reply, std::string call_id) {
  net::ReplyHeaders headers = reply_headers(reply, call_id);
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

// The id that the caller chose, or a new one.
std::string call_id_of(Gateway& gateway, const net::Request& request) {
  auto given = request.header("x-call-id");
  if (given && is_call_id(*given)) return std::string{*given};
  return new_call_id(gateway.sources().clock.unix_ms());
}

}  // namespace

loop::Task<> handle_echo(Gateway& gateway, net::Exchange& exchange) {
  const net::Request& request = exchange.request();
  std::string call_id = call_id_of(gateway, request);
  worker::Reply reply;
  for (const auto& header : request.headers)
    if (header.name == "content-type") reply.headers.emplace_back(header.name, header.value);
  auto body = exchange.body_at_hand(limits::kPayloadDefault);
  if (!body) {
    auto read = co_await exchange.read_body(limits::kPayloadDefault);
    if (!read) {
      co_await reply_problem(exchange, std::move(read).error(), call_id);
      co_return;
    }
    body = std::move(*read);
  }
  net::ReplyHeaders headers = reply_headers(reply, call_id);
  co_await exchange.reply(200, headers, *body);
}

loop::Task<> handle_native(Gateway& gateway, net::Exchange& exchange, std::string function,
                           std::string path) {
  const net::Request& request = exchange.request();
  worker::Call call;
  call.id = call_id_of(gateway, request);
  call.function = std::move(function);
  std::string call_id = call.id;

  size_t payload = limits::kPayloadDefault;
  if (auto spec = gateway.dispatcher().snapshot()->find(call.function)) {
    payload = spec->limits.payload_bytes;
    if (spec->interface != "json") call.request = request_head(request, std::move(path));
  }
  Status taken = co_await take_body(exchange, payload, gateway.config().spool_dir, call);
  if (!taken) {
    co_await reply_problem(exchange, std::move(taken).error(), call_id);
    co_return;
  }

  auto reply = co_await gateway.dispatcher().invoke(std::move(call));
  if (!reply) {
    co_await reply_problem(exchange, std::move(reply).error(), call_id);
  } else if (reply->rest) {
    co_await stream_reply(exchange, std::move(*reply), call_id);
  } else {
    net::ReplyHeaders headers = reply_headers(*reply, call_id);
    co_await exchange.reply(reply->status, headers, reply->body);
  }
}

}  // namespace trivet::gateway
