// The calls that a function makes while it answers one: ASK in, ANSWER out.
//
// Such a call belongs to the call that made it: it inherits its deadline and who calls, and ends
// with it.
#include <algorithm>

#include "wire/json.h"
#include "wire/text.h"
#include "worker/framed.h"
#include "worker/in_flight.h"

namespace trivet::worker {
namespace {

using wire::FrameType;

constexpr size_t kTextMost = 64 * limits::kKiB;  // of a text in ANSWER's meta
// A call answers by its deadline itself, and knows best why it could not; later it is not waited
// for, whatever it does.
constexpr auto kLate = limits::kCancelGrace;

// What came with a reply besides its body.
std::string content_type(const Reply& reply) {
  for (const auto& [name, value] : reply.headers)
    if (name == "content-type") return value.substr(0, limits::kHttpHeaderMax);
  return {};
}

std::string error_json(const Error& error, const std::string& function, int status) {
  std::string out;
  wire::ObjectWriter writer{out};
  writer.text("code", traits(error.code).name).text("message", error.message.substr(0, kTextMost));
  writer.text("function", function);
  if (!error.hint.empty()) writer.text("hint", error.hint);
  if (status != 0) writer.number("status", int64_t{status});
  for (const auto& [key, value] : error.details)
    if (key != "function") writer.text(key, value.substr(0, kTextMost));
  writer.close();
  return out;
}

// A streamed reply as one body, of at most `most` bytes.
loop::Task<Result<Reply>> gathered(Reply reply, size_t most, const std::string& function) {
  while (reply.rest && reply.body.size() <= most) {
    auto piece = co_await reply.rest->next();
    if (!piece) co_return std::move(piece).error();
    if (piece->empty()) reply.rest.reset();
    reply.body += *piece;
  }
  reply.rest.reset();
  if (reply.body.size() > most)
    co_return Error{ErrorCode::kPayloadTooLarge,
                    "the answer of " + function + " has more than the " + wire::format_size(most) +
                        " that limits.payload of its caller allows"};
  co_return reply;
}

// The call itself. Owns nothing of the worker, so it may be dropped at any time.
loop::Task<> run(HostServices& services, Call call, size_t most,
                 std::optional<Result<Reply>>& outcome, loop::Event& done) {
  std::string function = call.function;
  auto reply = co_await services.invoke(std::move(call));
  if (reply) reply = co_await gathered(std::move(*reply), most, function);
  outcome.emplace(std::move(reply));
  done.set();
}

}  // namespace

void Framed::on_ask(const wire::Frame& frame) {
  auto garbage = [this](std::string what) {
    on_garbage({ErrorCode::kInvalidOutput, std::move(what)});
  };
  auto meta = wire::parse_json(frame.meta);
  if (!meta || !meta->is_object()) return garbage("ASK without a JSON object");
  if (frame.more == wire::More::kYes) return garbage("ASK with a body in parts");
  if (frame.call == 0 || frame.call >= next_id_)
    return garbage("ASK for unknown call " + std::to_string(frame.call));
  const auto& wish = meta->as_object();
  int64_t number = wire::get_int(wish, "ask", -1);
  if (number < 0) return garbage("ASK without a number");
  std::string function{wire::get_string(wish, "function")};

  auto found = calls_.find(frame.call);
  if (found == calls_.end() || found->second->given_up)
    return answer(frame.call, number, Error{ErrorCode::kCancelled, "the call has ended"}, function);
  InFlight& flight = *found->second;
  if (!flight.asks) flight.asks = std::make_unique<InFlight::Asks>(around_.loop);
  if (flight.asks->open.count(number))
    return garbage("a second ASK " + std::to_string(number) + " of one call");
  if (std::string service{wire::get_string(wish, "service")};
      service != "call" || !around_.services)
    return answer(frame.call, number,
                  Error{ErrorCode::kNotSupported, "there is no service \"" + service + "\""},
                  function);
  if (flight.asks->open.size() >= static_cast<size_t>(limits::kAsksPerCall))
    return answer(frame.call, number,
                  Error{ErrorCode::kOverloaded,
                        std::to_string(limits::kAsksPerCall) + " calls of this call are running"},
                  function);

  Call call;
  call.function = function;
  call.input = frame.body;
  call.request.emplace();
  call.request->host = "localhost";
  call.request->headers.emplace_back("content-type", "application/json");
  call.auth = flight.auth;
  call.parent = flight.call_id;
  call.parent_name = plan_.function;
  call.depth = flight.depth + 1;
  call.latest = flight.deadline;
  if (int64_t timeout = wire::get_int(wish, "timeout_ms", -1); timeout >= 0) {
    Duration most = std::chrono::milliseconds{
        std::min<int64_t>(timeout, std::chrono::milliseconds{limits::kTimeoutMax}.count())};
    call.latest = std::min(call.latest, after(around_.loop.now(), most));
  }
  flight.asks->open.emplace(number, std::move(function));
  flight.asks->scope.spawn(ask(flight, number, std::move(call)));
}

// Lives in the flight's scope: neither the flight nor the worker ends before it.
loop::Task<> Framed::ask(InFlight& flight, int64_t number, Call call) {
  std::string function = call.function;
  std::optional<Result<Reply>> outcome;
  loop::Event done{around_.loop};
  Instant latest = after(call.latest, kLate);
  bool in_time = false;
  {
    loop::Scope scope{around_.loop};
    scope.spawn(run(*around_.services, std::move(call), plan_.payload_bytes, outcome, done));
    in_time = co_await done.wait(latest);
  }
  if (!in_time)
    outcome.emplace(Error{ErrorCode::kFunctionTimeout,
                          function + " did not answer before the deadline of its caller"});
  flight.asks->open.erase(number);
  answer(flight.id, number, *outcome, function);
}

void Framed::answer(uint32_t call, int64_t number, const Result<Reply>& outcome,
                    const std::string& function) {
  constexpr int kFirstFailure = 400;
  std::string meta;
  wire::ObjectWriter writer{meta};
  bool ok = outcome.ok() && outcome->status < kFirstFailure;
  writer.number("ask", number).boolean("ok", ok);
  if (outcome.ok())
    if (std::string type = content_type(*outcome); !type.empty()) writer.text("type", type);
  if (!outcome.ok()) {
    writer.raw("error", error_json(outcome.error(), function, 0));
  } else if (!ok) {
    Error refused{ErrorCode::kFunctionError,
                  function + " answered with status " + std::to_string(outcome->status)};
    writer.raw("error", error_json(refused, function, outcome->status));
  } else if (outcome->status != 200) {
    writer.number("status", int64_t{outcome->status});
  }
  writer.close();
  out_.clear();
  std::string_view body = outcome.ok() ? std::string_view{outcome->body} : std::string_view{};
  wire::append_frame_head(out_, FrameType::kAnswer, call, meta, body.size(), wire::More::kNo);
  writer_->send(out_, body);
}

}  // namespace trivet::worker
