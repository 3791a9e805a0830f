// Framed's calls: what is written for one, what comes back, and what happens when nobody waits for
// it any more.
#include <algorithm>

#include "wire/json.h"
#include "worker/framed.h"
#include "worker/in_flight.h"
#include "worker/reply_meta.h"

namespace trivet::worker {
namespace {

using wire::FrameType;

constexpr uint32_t kLastId = UINT32_MAX - limits::kConcurrencyMax;

void append_pairs(std::string& out, const HeaderList& headers) {
  out.push_back('[');
  for (const auto& [key, value] : headers) {
    if (out.back() == ']') out.push_back(',');
    out.push_back('[');
    wire::append_json_string(out, key);
    out.push_back(',');
    wire::append_json_string(out, value);
    out.push_back(']');
  }
  out.push_back(']');
}

std::string call_meta(const Call& call, bool sees_request) {
  std::string meta;
  meta.reserve(128);
  wire::ObjectWriter writer{meta};
  writer.text("id", call.id).number("deadline_ms", call.deadline_unix_ms);
  if (!call.auth.empty()) writer.raw("auth", call.auth);
  if (!call.parent.empty()) writer.text("parent", call.parent);
  if (call.target) writer.text("module", call.target->module);
  if (call.target) writer.text("function", call.target->function);
  if (sees_request) {
    static const RequestHead kPlain;  // a call that did not come as HTTP
    const RequestHead& head = call.request ? *call.request : kPlain;
    std::string headers;
    append_pairs(headers, head.headers);
    writer.text("method", head.method).text("path", head.path).text("query", head.query);
    writer.text("scheme", head.scheme).text("host", head.host).raw("headers", headers);
    if (!head.client.empty()) writer.text("client", head.client);
  }
  writer.close();
  return meta;
}

// Gives a call up when the coroutine that waits for it is dropped.
struct Guard {
  InFlightPtr flight;
  ~Guard() {
    if (flight) flight->give_up(false);
  }
};

// The rest of a streamed reply. Dropping it before its end gives the call up.
class ReplyStream final : public BodyStream {
 public:
  explicit ReplyStream(InFlightPtr flight) : flight_(std::move(flight)) {}
  ~ReplyStream() override {
    if (!flight_->stream_over) flight_->give_up(false);
  }
  loop::Task<Result<std::string>> next() override {
    while (flight_->pieces.empty() && !flight_->stream_over) {
      flight_->more.reset();
      bool in_time = co_await flight_->more.wait(flight_->deadline);
      if (in_time) continue;
      flight_->give_up(true);
      flight_->end_stream(
          Error{ErrorCode::kFunctionTimeout, "the reply's stream passed the call's deadline"});
    }
    if (flight_->pieces.empty()) {
      if (flight_->stream_error) co_return *flight_->stream_error;
      co_return std::string{};
    }
    std::string piece = std::move(flight_->pieces.front());
    flight_->pieces.pop_front();
    flight_->consumed(piece.size());
    co_return piece;
  }

 private:
  InFlightPtr flight_;
};

}  // namespace

void Framed::send_load() { writer_->send(load_frame(plan_)); }

loop::Task<Result<Reply>> Framed::invoke(Call& call) {
  auto flight = std::make_shared<InFlight>(around_.loop, *this, next_id_++, call);
  Guard guard{flight};
  calls_.emplace(flight->id, flight);
  calm_.reset();
  if (calls_.size() == 1) process_->forget_stderr();  // what it said before is not this caller's
  attribute_output();
  send_call(*flight, call);
  loop::Scope sending{around_.loop};
  if (call.rest) sending.spawn(send_rest(flight, *call.rest));

  bool in_time = co_await flight->done.wait(call.deadline);
  if (!in_time) {
    Error late = timeout_error(*flight);
    flight->give_up(true);
    co_return late;
  }
  if (flight->streaming && flight->outcome->ok())
    (*flight->outcome)->rest = std::make_unique<ReplyStream>(flight);
  guard.flight.reset();
  co_return std::move(*flight->outcome);
}

void Framed::send_call(const InFlight& flight, const Call& call) {
  out_.clear();
  wire::append_frame_head(out_, FrameType::kCall, flight.id, call_meta(call, plan_.sees_request),
                          call.input.size(), call.rest ? wire::More::kYes : wire::More::kNo);
  constexpr size_t kCopyMost =
      4 * limits::kKiB;  // one write of one buffer is cheaper than writev up to about here
  if (call.input.size() <= kCopyMost) {
    out_.append(call.input);
    writer_->send(out_);
  } else {
    writer_->send(out_, call.input);
  }
}

loop::Task<> Framed::send_rest(InFlightPtr flight, BodyStream& rest) {
  for (;;) {
    auto piece = co_await rest.next();
    if (!flight->worker || flight->given_up) co_return;
    if (!piece) {
      flight->give_up(false);
      flight->finish(std::move(piece).error());
      co_return;
    }
    bool last = piece->empty();
    std::string_view left = *piece;
    do {
      while (flight->credit == 0 && !last) {
        flight->credited.reset();
        co_await flight->credited.wait();
      }
      if (!flight->worker || flight->given_up) co_return;
      size_t size = std::min({left.size(), limits::kFrameChunk, flight->credit});
      out_.clear();
      wire::append_frame(out_, FrameType::kChunk, flight->id, {}, left.substr(0, size),
                         last ? wire::More::kNo : wire::More::kYes);
      writer_->send(out_);
      flight->credit -= size;
      left.remove_prefix(size);
    } while (!left.empty());
    if (last) co_return;
  }
}

// Nobody waits for the call any more. The worker still owes an answer and is not free until it
// gives it.
void Framed::give_up(InFlight& flight, bool timed_out) {
  flight.given_up = true;
  auto found = calls_.find(flight.id);
  if (found == calls_.end() || state_ == State::kEnded) return;
  flight.overdue = timed_out;
  if (timed_out) ++condemned_;
  bool listens = hears_cancel_ || (flight.asks && !flight.asks->open.empty());
  flight.asks.reset();
  if (listens) {
    out_.clear();
    wire::append_frame(out_, FrameType::kCancel, flight.id, {}, {});
    writer_->send(out_);
  } else if (timed_out) {
    return kill(EndReason::kTimeout);
  }
  Instant when = timed_out ? around_.loop.now() : flight.deadline;
  scope_.spawn(kill_unless_settled(found->second, after(when, limits::kCancelGrace)));
}

loop::Task<> Framed::kill_unless_settled(InFlightPtr flight, Instant when) {
  bool settled = co_await flight->settled.wait(when);
  if (!settled) kill(EndReason::kTimeout);
}

void Framed::settle(InFlight& flight) {
  // What it printed before the reply is attributed while the call is known.
  if (!reader_->in_order() || process_->behind()) process_->pump();
  flight.worker = nullptr;
  flight.asks.reset();
  flight.settled.set();
  if (flight.overdue) --condemned_;
  calls_.erase(flight.id);
  ++answered_;
  if (calls_.empty()) calm_.set();
  attribute_output();
  if (next_id_ > kLastId) stop(EndReason::kRecycled);  // ids are never used again
  around_.observer.on_free();
}

// Lines on stdout and stderr belong to the call when there is exactly one, else to the worker.
void Framed::attribute_output() {
  std::string& owner = process_->owner().call_id;
  if (calls_.size() == 1)
    owner = calls_.begin()->second->call_id;
  else
    owner.clear();
}

Error Framed::timeout_error(const InFlight& flight) const {
  std::string message = plan_.function + " did not answer before its deadline";
  if (flight.asks && !flight.asks->open.empty())
    message += ": it was waiting for its call of " + flight.asks->open.begin()->second;
  Error error{ErrorCode::kFunctionTimeout, std::move(message),
              "raise limits.timeout, or make it faster"};
  process_->pump();
  if (!process_->stderr_tail().empty())
    error.details.emplace_back("stderr", std::string{process_->stderr_tail()});
  return error;
}

void Framed::on_frame(const wire::Frame& frame) {
  switch (frame.type) {
    case FrameType::kReply:
    case FrameType::kChunk:
    case FrameType::kCredit:
      return on_call_frame(frame);
    case FrameType::kError:
      return frame.call == 0 ? on_worker_error(frame) : on_call_frame(frame);
    case FrameType::kLog:
      return on_log(frame);
    case FrameType::kAsk:
      return on_ask(frame);
    case FrameType::kHello:
      return on_hello(frame);
    case FrameType::kReady:
      return on_ready(frame);
    case FrameType::kBusy:
      is_busy_ = true;
      return;
    case FrameType::kPong:
      return;
    default:
      return on_garbage({ErrorCode::kInvalidOutput,
                         "frame of unexpected type " + std::string{wire::name(frame.type)} + " (" +
                             std::to_string(static_cast<int>(frame.type)) + ")"});
  }
}

void Framed::on_hello(const wire::Frame& frame) {
  auto meta = wire::parse_json(frame.meta);
  if (!meta || !meta->is_object())
    return on_garbage({ErrorCode::kInvalidOutput, "HELLO without a JSON object"});
  const auto& hello = meta->as_object();
  if (int64_t version = wire::get_int(hello, "protocol"); version != 1)
    return on_garbage(
        {ErrorCode::kInvalidOutput, "HELLO for protocol " + std::to_string(version) + ", not 1"});
  int64_t offered = wire::get_int(hello, "concurrency", 1);
  capacity_ = offered <= 0 ? plan_.concurrency
                           : static_cast<int>(std::min<int64_t>(offered, plan_.concurrency));
  if (const auto* features = wire::get_array(hello, "features"))
    for (const auto& feature : *features)
      hears_cancel_ |= feature.is_string() && feature.as_string() == "cancel";
}

void Framed::on_ready(const wire::Frame& frame) {
  if (auto meta = wire::parse_json(frame.meta); meta && meta->is_object())
    unsafe_ = wire::get_string(meta->as_object(), "unsafe");
  if (state_ == State::kStarting) state_ = State::kReady;
  ready_.set();
}

void Framed::on_log(const wire::Frame& frame) {
  LogLine line;
  line.time_ms = around_.clock.unix_ms();
  line.function = plan_.function;
  line.worker = pid();
  if (auto found = calls_.find(frame.call); found != calls_.end())
    line.call_id = found->second->call_id;
  if (auto meta = wire::parse_json(frame.meta); meta && meta->is_object()) {
    line.level = log_level(wire::get_string(meta->as_object(), "level", "info"));
    if (line.call_id.empty()) line.call_id = wire::get_string(meta->as_object(), "id");
    if (const auto* fields = wire::get_object(meta->as_object(), "fields"))
      line.fields = wire::to_text(*fields);
  }
  line.message = frame.body.substr(0, limits::kLogLineMax);
  process_->log(std::move(line));
}

void Framed::on_worker_error(const wire::Frame& frame) {
  load_error_ = error_from(frame);
  load_error_->code = ErrorCode::kLoadFailed;
  ready_.set();
}

void Framed::on_call_frame(const wire::Frame& frame) {
  auto found = calls_.find(frame.call);
  if (found == calls_.end()) {
    if (frame.call != 0 && frame.call < next_id_) return;  // late: its call was settled
    return on_garbage(
        {ErrorCode::kInvalidOutput,
         std::string{wire::name(frame.type)} + " for unknown call " + std::to_string(frame.call)});
  }
  InFlightPtr flight = found->second;
  switch (frame.type) {
    case FrameType::kReply:
      return on_reply(*flight, frame);
    case FrameType::kChunk:
      return on_chunk(*flight, frame);
    case FrameType::kError:
      return on_error(*flight, frame);
    default: {  // CREDIT
      auto meta = wire::parse_json(frame.meta);
      if (!meta || !meta->is_object())
        return on_garbage({ErrorCode::kInvalidOutput, "CREDIT without a JSON object"});
      int64_t bytes = wire::get_int(meta->as_object(), "bytes");
      flight->credit += static_cast<size_t>(
          std::clamp<int64_t>(bytes, 0, static_cast<int64_t>(limits::kPayloadMax)));
      flight->credited.set();
    }
  }
}

void Framed::on_reply(InFlight& flight, const wire::Frame& frame) {
  if (flight.streaming)
    return on_garbage({ErrorCode::kInvalidOutput, "a second REPLY for one call"});
  Reply reply;
  if (!frame.meta.empty()) {
    auto meta = wire::parse_json(frame.meta);
    if (!meta || !meta->is_object())
      return on_garbage({ErrorCode::kInvalidOutput, "REPLY with meta that is not an object"});
    auto read = read_reply_meta(meta->as_object());
    if (!read) return refuse_reply(flight, frame, std::move(read).error());
    reply = std::move(*read);
  }
  reply.body = frame.body;
  flight.streaming = frame.more == wire::More::kYes;
  flight.finish(std::move(reply));
  if (!flight.streaming) settle(flight);
}

// The reply cannot be passed on: the caller is told, and what else comes of it is not waited for.
void Framed::refuse_reply(InFlight& flight, const wire::Frame& frame, Error error) {
  flight.finish(std::move(error));
  if (frame.more == wire::More::kNo) return settle(flight);
  flight.streaming = true;
  flight.give_up(false);
}

void Framed::on_chunk(InFlight& flight, const wire::Frame& frame) {
  if (!flight.streaming) return on_garbage({ErrorCode::kInvalidOutput, "CHUNK before its REPLY"});
  if (!frame.body.empty() && !flight.given_up) {
    flight.pieces.emplace_back(frame.body);
    flight.held_bytes += frame.body.size();
    if (flight.held_bytes > 2 * limits::kStreamCredit)
      return on_garbage({ErrorCode::kInvalidOutput, "more CHUNK bytes than credit allows"});
  } else if (flight.given_up) {
    flight.consumed(frame.body.size());
  }
  if (frame.more == wire::More::kNo) {
    flight.end_stream(std::nullopt);
    return settle(flight);
  }
  flight.more.set();
}

void Framed::on_error(InFlight& flight, const wire::Frame& frame) {
  if (flight.streaming)
    flight.end_stream(error_from(frame));
  else
    flight.finish(error_from(frame));
  settle(flight);
}

// The worker's ERROR as ours: message, type and stack as the language gave them.
Error Framed::error_from(const wire::Frame& frame) const {
  auto parsed = wire::parse_json(frame.meta);
  if (!parsed || !parsed->is_object())
    return {ErrorCode::kFunctionError, "the function failed without saying why"};
  const auto& meta = parsed->as_object();
  ErrorCode code = code_from_name(wire::get_string(meta, "code", "FUNCTION_ERROR"));
  constexpr ErrorCode kAllowed[] = {ErrorCode::kFunctionError,    ErrorCode::kInvalidInput,
                                    ErrorCode::kInvalidOutput,    ErrorCode::kLoadFailed,
                                    ErrorCode::kFunctionNotFound, ErrorCode::kCancelled,
                                    ErrorCode::kLoopDetected};
  if (std::find(std::begin(kAllowed), std::end(kAllowed), code) == std::end(kAllowed))
    code = ErrorCode::kFunctionError;
  Error error{code, std::string{wire::get_string(meta, "message", "no message")}};
  // "type" is taken in problem+json: the exception's class is error_type there.
  for (auto [key, detail] : {std::pair{"type", "error_type"}, std::pair{"stack", "stack"}})
    if (auto value = wire::get_string(meta, key); !value.empty())
      error.details.emplace_back(detail, std::string{value});
  return error;
}

}  // namespace trivet::worker
