#pragma once
// The External Term Format: terms as bytes and back. Pure; no I/O.
//
// Every tag that term_to_binary writes is read, old ones included. Pids, ports, references and
// functions are kept as the bytes they came in, and given back untouched. What is written is read
// by every peer since release 23: atoms of Latin-1 under the old tag, floats as eight bytes, lists
// of bytes as strings, numbers in the shortest form. Nothing is written compressed.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/limits.h"
#include "base/result.h"

namespace trivet::wire {

struct Term;

struct Atom {
  std::string name;  // UTF-8, at most 255 characters
  bool operator==(const Atom&) const = default;
};
struct Binary {
  std::string bytes;
  bool operator==(const Binary&) const = default;
};
// A binary whose last byte counts only by its `last` highest bits, 1 to 7.
struct Bits {
  std::string bytes;
  uint8_t last = 0;
  bool operator==(const Bits&) const = default;
};
// An integer that int64_t does not hold.
struct BigInteger {
  bool negative = false;
  std::string magnitude;  // base 256, lowest first, the highest not zero
  bool operator==(const BigInteger&) const = default;
};
struct List {
  std::vector<Term> items;
  std::vector<Term> tail;  // empty: a proper list; else the one term after the bar
  bool operator==(const List&) const = default;
};
struct Tuple {
  std::vector<Term> items;
  bool operator==(const Tuple&) const = default;
};
struct Map {
  std::vector<std::pair<Term, Term>> members;  // in the order of the wire
  bool operator==(const Map& other) const;
};
// A term that only its maker understands: its tag and what follows.
struct Opaque {
  std::string bytes;
  bool operator==(const Opaque&) const = default;
};

// What a term is made of: a number or one of the types above.
template <class T>
concept TermPart =
    std::is_arithmetic_v<T> || std::is_same_v<T, Atom> || std::is_same_v<T, Binary> ||
    std::is_same_v<T, Bits> || std::is_same_v<T, BigInteger> || std::is_same_v<T, List> ||
    std::is_same_v<T, Tuple> || std::is_same_v<T, Map> || std::is_same_v<T, Opaque>;

struct Term {
  std::variant<int64_t, double, Atom, Binary, Bits, BigInteger, List, Tuple, Map, Opaque> value;

  Term() : value(int64_t{0}) {}
  template <class T>
  requires TermPart<std::remove_cvref_t<T>> Term(T&& of)
      : value(std::forward<T>(of)) {}  // NOLINT: implicit

  template <class T>
  const T* as() const {
    return std::get_if<T>(&value);
  }
  bool is_atom(std::string_view name) const {
    const auto* atom = as<Atom>();
    return atom && atom->name == name;
  }
  bool operator==(const Term&) const = default;
};

inline bool Map::operator==(const Map& other) const { return members == other.members; }

struct TermLimits {
  size_t bytes = limits::kPayloadDefault;  // of the text, and of what it expands to
  size_t depth = limits::kTermDepth;
  size_t count = limits::kTermCount;  // of terms, those within others included
};

// One whole external term: the version byte 131, a term, nothing after it. kInvalidInput with the
// offset and the reason; kPayloadTooLarge when it is over a limit.
Result<Term> read_term(std::string_view bytes, const TermLimits& limits = {});

// Appends the version byte and the term. Precondition: atoms have at most 255 characters, each
// string below 4 GiB.
void append_term(std::string& out, const Term& term);

// An integer from its decimal digits, with or without a minus in front. Precondition: nothing else
// is in `digits`.
Term integer_term(std::string_view digits);
// The decimal digits of an integer of any size.
std::string decimal(const BigInteger& number);
// An atom, a binary in UTF-8, or a string (a proper list of code points but 0) as UTF-8; nothing
// for any other term.
std::optional<std::string> term_text(const Term& term);

}  // namespace trivet::wire
