#include "wire/port_terms.h"

#include <algorithm>

#include "wire/etf_json.h"
#include "wire/json_members.h"

namespace trivet::wire {
namespace {

constexpr size_t kAtomMost = 255;
constexpr size_t kJsonDepth = 64;  // as json.h has it

Error refused(std::string why) { return {ErrorCode::kInvalidInput, std::move(why)}; }

size_t characters(std::string_view utf8) {
  return static_cast<size_t>(std::count_if(utf8.begin(), utf8.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

void rename_null(Term& term, const Atom& null) {
  if (term.is_atom("null")) term = null;
  if (auto* list = std::get_if<List>(&term.value))
    for (auto& item : list->items) rename_null(item, null);
  if (auto* map = std::get_if<Map>(&term.value))
    for (auto& member : map->members) rename_null(member.second, null);
}

}  // namespace

Status append_call_term(std::string& out, std::string_view tag, std::string_view null,
                        const PortCall& call) {
  for (std::string_view name : {call.module, call.function})
    if (characters(name) > kAtomMost)
      return refused("the name of a module or function has over " + std::to_string(kAtomMost) +
                     " characters");
  auto args = term_from_json(call.args);
  if (!args) return std::move(args).error();
  if (null != "null") rename_null(*args, Atom{std::string{null}});
  std::vector<Term> items{Atom{std::string{tag}}, integer_term(std::to_string(call.id)),
                          Atom{std::string{call.module}}, Atom{std::string{call.function}},
                          std::move(*args)};
  append_term(out, Tuple{std::move(items)});
  return {};
}

Result<TermMessage> read_term_message(std::string_view message, size_t around, Term& hold) {
  TermLimits limits{std::max(message.size(), limits::kPayloadDefault), around + kJsonDepth};
  auto term = read_term(message, limits);
  if (!term) return refused(std::move(term).error().message);
  hold = std::move(*term);
  const auto* tuple = hold.as<Tuple>();
  const auto* tag = tuple && !tuple->items.empty() ? tuple->items[0].as<Atom>() : nullptr;
  if (!tag) return refused("the message is not a tuple that begins with an atom");
  return TermMessage{tag->name, tuple->items};
}

Result<uint64_t> term_id(const Term& term) {
  if (const auto* small = term.as<int64_t>(); small && *small >= 0)
    return static_cast<uint64_t>(*small);
  const auto* big = term.as<BigInteger>();
  if (!big || big->negative || big->magnitude.size() > sizeof(uint64_t))
    return refused("the id is not a whole number: " + shown(term).substr(0, 40));
  uint64_t id = 0;
  for (size_t i = big->magnitude.size(); i > 0; --i)
    id = id << 8 | static_cast<unsigned char>(big->magnitude[i - 1]);
  return id;
}

Status append_result(std::string& out, const Term& value) {
  append_json(out, value);
  return check_json(out);
}

std::string shown(const Term& term) {
  const auto* list = term.as<List>();
  bool empty = list && list->items.empty();
  if (auto text = term_text(term); text && !empty) return std::move(*text);
  std::string out;
  append_json(out, term);
  return out;
}

}  // namespace trivet::wire
