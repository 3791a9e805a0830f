#pragma once
// What the protocols with terms share. Pure.

#include <string>
#include <string_view>

#include "wire/etf.h"
#include "wire/port_protocol.h"

namespace trivet::wire {

// {tag, id, module, function, args}, module and function as atoms. `null` is the atom that null in
// the arguments becomes. kInvalidInput for names that are over 255 characters.
Status append_call_term(std::string& out, std::string_view tag, std::string_view null,
                        const PortCall& call);

// A message: a tuple that begins with an atom.
struct TermMessage {
  std::string_view tag;
  const std::vector<Term>& items;  // the tag is the first
};
// `around` is how many tuples a value lies in, besides which it may be as deep as JSON. The term is
// kept in `hold`. kInvalidInput with the offset, or when it is no such tuple.
Result<TermMessage> read_term_message(std::string_view message, size_t around, Term& hold);

Result<uint64_t> term_id(const Term& term);  // kInvalidInput unless it is from 0 to 2^64 - 1
// Appends a value as JSON; kInvalidInput when it is deeper than JSON may be.
Status append_result(std::string& out, const Term& value);
std::string shown(const Term& term);  // its text, or else its JSON

}  // namespace trivet::wire
