// ErlPort's messages: {'C', Id, Module, Function, Args} out; back {'r', Id, Value}, {'e', Id,
// Error},
// {'P', Text} that is printed, {'M', ...} that is for nobody here, and {'C', ...}: a call to us,
// which is answered with an error.
#include "wire/port_protocol.h"
#include "wire/port_terms.h"

namespace trivet::wire {
namespace {

Error refused(std::string why) { return {ErrorCode::kInvalidInput, std::move(why)}; }

// A list of {File, Line, Function, Source}, a place a line; anything else as it is.
std::string stack_text(const Term& stack) {
  const auto* list = stack.as<List>();
  if (!list || !list->tail.empty()) return shown(stack);
  std::string out;
  for (const auto& item : list->items) {
    const auto* place = item.as<Tuple>();
    if (!place || place->items.size() != 4) return shown(stack);
    out.append(shown(place->items[0])).append(":").append(shown(place->items[1]));
    out.append(" in ").append(shown(place->items[2])).append("\n");
  }
  return out;
}

// {Language, Type, Text, Stack}, or anything, shown as the message.
PortFailure failure_of(const Term& error) {
  const auto* tuple = error.as<Tuple>();
  if (!tuple || tuple->items.size() != 4) return {shown(error), {}, {}, {}};
  const auto& items = tuple->items;
  PortFailure failure{
      term_text(items[2]).value_or(shown(items[2])), {}, shown(items[1]), stack_text(items[3])};
  if (failure.message.empty()) failure.message = failure.type;
  return failure;
}

PortReply heard() {
  PortReply reply;
  reply.is_reply = false;
  return reply;
}

PortReply refusal_of_call(const Term& id) {
  PortReply reply = heard();
  std::vector<Term> items{Atom{"e"}, id,
                          Binary{"a program behind this interface is called, and cannot call"}};
  append_term(reply.answer, Tuple{std::move(items)});
  return reply;
}

}  // namespace

Status encode_port_erlport(std::string& out, const PortCall& call) {
  return append_call_term(out, "C", "undefined", call);
}

Result<PortReply> decode_port_erlport(std::string_view message) {
  Term hold;
  auto read = read_term_message(message, 1, hold);
  if (!read) return std::move(read).error();
  const auto& items = read->items;
  size_t size = items.size();
  if (read->tag == "M" && (size == 2 || size == 3)) return heard();
  if (read->tag == "C" && (size == 5 || size == 6)) return refusal_of_call(items[1]);
  if (read->tag == "P" && size == 2) {
    PortReply reply = heard();
    reply.print = term_text(items[1]).value_or(shown(items[1]));
    return reply;
  }
  if (read->tag == "e" && size == 2)
    return refused("it failed outside of a call: " + failure_of(items[1]).message);
  if ((read->tag != "r" && read->tag != "e") || size != 3)
    return refused("the message is none of r, e, C, M and P");
  PortReply reply;
  auto id = term_id(items[1]);
  if (!id) return std::move(id).error();
  reply.id = *id;
  if (read->tag == "e") {
    reply.failure = failure_of(items[2]);
    return reply;
  }
  Status shown = append_result(reply.result, items[2]);
  if (!shown) return std::move(shown).error();
  return reply;
}

}  // namespace trivet::wire
