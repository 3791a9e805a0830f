// Terms: {call, Id, Module, Function, Args} out, {reply, Id, {ok, Value} | {error, Reason}} back;
// {reply, Outcome} when the program leaves ids out.
#include "wire/port_protocol.h"
#include "wire/port_terms.h"

namespace trivet::wire {
namespace {

Error refused(std::string why) { return {ErrorCode::kInvalidInput, std::move(why)}; }

// A map with message, code, type and stack; {Type, Message}; or anything, shown as the message.
PortFailure failure_of(const Term& reason) {
  PortFailure failure;
  if (const auto* map = reason.as<Map>()) {
    for (const auto& [key, value] : map->members) {
      auto name = term_text(key);
      if (value.is_atom("undefined") || value.is_atom("null")) continue;
      if (name == "message") failure.message = shown(value);
      if (name == "code") failure.code = shown(value);
      if (name == "type") failure.type = shown(value);
      if (name == "stack") failure.stack = shown(value);
    }
  }
  const auto* tuple = reason.as<Tuple>();
  if (tuple && tuple->items.size() == 2 && tuple->items[0].as<Atom>()) {
    failure.type = tuple->items[0].as<Atom>()->name;
    failure.message = shown(tuple->items[1]);
  }
  if (failure.message.empty()) failure.message = shown(reason);
  return failure;
}

}  // namespace

Status encode_port_etf(std::string& out, const PortCall& call) {
  return append_call_term(out, "call", "null", call);
}

Result<PortReply> decode_port_etf(std::string_view message) {
  Term hold;
  auto read = read_term_message(message, 2, hold);
  if (!read) return std::move(read).error();
  const auto& items = read->items;
  if (read->tag != "reply" || items.size() < 2 || items.size() > 3)
    return refused("the message is neither {reply, Id, Outcome} nor {reply, Outcome}");
  PortReply reply;
  if (items.size() == 3 && !items[1].is_atom("undefined")) {
    auto id = term_id(items[1]);
    if (!id) return std::move(id).error();
    reply.id = *id;
  }
  const auto* outcome = items.back().as<Tuple>();
  bool pair = outcome && outcome->items.size() == 2;
  if (pair && outcome->items[0].is_atom("ok")) {
    Status shown = append_result(reply.result, outcome->items[1]);
    if (!shown) return std::move(shown).error();
    return reply;
  }
  if (pair && outcome->items[0].is_atom("error"))
    reply.failure = failure_of(outcome->items[1]);
  else
    return refused("the outcome is neither {ok, Value} nor {error, Reason}");
  return reply;
}

}  // namespace trivet::wire
