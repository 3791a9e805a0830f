#include "gateway/port/port.h"

#include <boost/json.hpp>

#include "base/ids.h"
#include "wire/etf_json.h"

namespace trivet::gateway {
namespace {

using wire::Atom;
using wire::Binary;
using wire::Term;
using wire::Tuple;

Term tuple(std::vector<Term> items) { return Tuple{std::move(items)}; }
Term ok(Term value) { return tuple({Atom{"ok"}, std::move(value)}); }
Term failed(Term reason) { return tuple({Atom{"error"}, std::move(reason)}); }

std::string lower(std::string_view text) {
  std::string out{text};
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

// {Class, Facts}
Term reason_of(const Error& error) {
  wire::Map facts;
  facts.members.emplace_back(Atom{"message"}, Binary{error.message});
  if (!error.hint.empty()) facts.members.emplace_back(Atom{"hint"}, Binary{error.hint});
  for (const auto& [key, value] : error.details)
    if (key != "function")
      facts.members.emplace_back(Atom{key == "error_type" ? "type" : key}, Binary{value});
  return tuple({Atom{lower(traits(error.code).name)}, std::move(facts)});
}

Term value_of(const std::string& body) {
  if (body.empty()) return ok(Atom{"null"});
  auto value = wire::term_from_json(body);
  if (value) return ok(std::move(*value));
  return failed(reason_of(
      {ErrorCode::kInvalidOutput, "the function's value is not JSON: " + value.error().message}));
}

}  // namespace

Port::Port(loop::Loop& loop, ViewSources sources, PortHost host, int in, int out)
    : loop_(loop),
      sources_(sources),
      host_(std::move(host)),
      in_(loop, in, limits::kPortPacketMax),
      out_(loop, out),
      scope_(loop) {}

loop::Task<Status> Port::serve(Duration patience) {
  Status end;
  for (;;) {
    co_await out_.has_room();
    auto packet = co_await in_.next();
    if (!packet) end = std::move(packet).error();
    if (!packet || !*packet) break;
    take(**packet);
  }
  Instant deadline = after(loop_.now(), patience);
  co_await scope_.join(deadline);
  co_await out_.flushed(deadline);
  co_return end;
}

void Port::take(std::string_view packet) {
  auto term = wire::read_term(packet, {limits::kPortPacketMax});
  if (!term) return refuse(std::nullopt, term.error());
  auto request = read_request(*term);
  if (!request) return refuse(id_of(*term), request.error());
  if (auto* wanted = std::get_if<PortCall>(&*request))
    return scope_.spawn(call(std::move(*wanted)));
  if (auto* wanted = std::get_if<PortStart>(&*request))
    return scope_.spawn(start(std::move(*wanted)));
  if (auto* wanted = std::get_if<PortStop>(&*request))
    return scope_.spawn(stop(std::move(*wanted)));
  if (const auto* wanted = std::get_if<PortPing>(&*request)) return ping(*wanted);
  scope_.spawn(stats(std::get<PortStats>(*request)));
}

loop::Task<Port::PoolPtr> Port::find(std::string name, Instant due) {
  auto found = pools_.find(name);
  if (found == pools_.end()) co_return nullptr;
  PoolPtr pool = found->second;
  if (!pool->known.is_set()) co_await pool->known.wait(due);
  co_return pool->started ? pool : nullptr;
}

loop::Task<> Port::call(PortCall request) {
  Instant due = request.timeout ? after(loop_.now(), *request.timeout) : kNever;
  PoolPtr pool = co_await find(request.pool, due);
  if (!pool) {
    const char* why = loop_.now() >= due ? "timeout" : "not_found";
    if (request.id) reply(*request.id, failed(Atom{why}));
    co_return;
  }
  worker::Call call;
  call.id = new_call_id(sources_.clock.unix_ms());
  call.function = pool->function;
  call.target = {std::move(request.module), std::move(request.function)};
  call.input = std::move(request.args);
  call.latest = due;
  auto outcome = co_await sources_.dispatcher.invoke(std::move(call));
  if (!request.id) co_return;
  if (outcome) {
    reply(*request.id, value_of(outcome->body));
    co_return;
  }
  bool late = loop_.now() >= due;
  ErrorCode code = outcome.error().code;
  bool waited = code == ErrorCode::kFunctionTimeout || code == ErrorCode::kOverloaded;
  if (late && waited)
    reply(*request.id, failed(Atom{"timeout"}));
  else if (code == ErrorCode::kFunctionTimeout)
    reply(*request.id, failed(Atom{"worker_timeout"}));
  else
    reply(*request.id, failed(reason_of(outcome.error())));
}

loop::Task<> Port::start(PortStart request) {
  auto [slot, is_new] = pools_.try_emplace(request.pool);
  if (!is_new) {
    reply(request.id, failed(Atom{"already_started"}));
    co_return;
  }
  slot->second = std::make_shared<Pool>(loop_, function_of_pool(request.pool));
  PoolPtr pool = slot->second;
  request.spec.name = pool->function;
  Status started = co_await host_.add_function(std::move(request.spec));
  if (started) {
    started = co_await sources_.dispatcher.prepare(pool->function);
    if (!started) host_.remove_function(pool->function);
  }
  pool->started = started.ok();
  if (!started) pools_.erase(request.pool);
  pool->known.set();
  reply(request.id, started ? ok(Atom{"started"}) : failed(reason_of(started.error())));
}

loop::Task<> Port::stop(PortStop request) {
  PoolPtr pool = co_await find(request.pool, kNever);
  if (!pool || !std::exchange(pool->started, false)) {
    reply(request.id, failed(Atom{"not_found"}));
    co_return;
  }
  host_.remove_function(pool->function);
  pools_.erase(request.pool);
  reply(request.id, ok(Atom{"stopped"}));
}

void Port::ping(const PortPing& request) {
  bool there = pools_.contains(request.pool);
  reply(request.id, there ? ok(Atom{"pong"}) : failed(Atom{"not_found"}));
}

loop::Task<> Port::stats(PortStats request) {
  auto census = co_await sources_.census();
  wire::json::object all{{"stats", stats_view(sources_, census)},
                         {"workers", workers_view(census, Memory::kLeftOut)}};
  wire::json::array pools;
  for (const auto& [name, pool] : pools_)
    pools.push_back(wire::json::object{{"pool", name}, {"function", pool->function}});
  all["pools"] = std::move(pools);
  reply(request.id, value_of(wire::to_text(all)));
}

void Port::refuse(const std::optional<Term>& id, const Error& error) {
  Term why = tuple({Atom{"bad_request"}, Binary{error.message}});
  send(tuple({Atom{"error"}, id ? *id : Term{Atom{"undefined"}}, std::move(why)}));
}

void Port::reply(const Term& id, Term result) {
  send(tuple({Atom{"reply"}, id, std::move(result)}));
}

void Port::log(std::string_view json) {
  if (out_.is_full()) return;  // calls go first
  if (auto line = wire::term_from_json(json)) send(tuple({Atom{"log"}, std::move(*line)}));
}

void Port::send(const Term& term) {
  std::string packet;
  size_t begun = wire::begin_message(packet, wire::Framing::kPacket4);
  wire::append_term(packet, term);
  out_.send(std::move(packet), begun);
}

}  // namespace trivet::gateway
