#include "wire/etf_json.h"

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <charconv>
#include <cmath>

#include "wire/base64.h"
#include "wire/json.h"
#include "wire/text.h"

namespace trivet::wire {
namespace {

constexpr size_t kDigitsMost = 16 * limits::kKiB;  // longer numbers take too long to turn
constexpr std::string_view kTermKey = "$term";

bool is_key(const Term& term) {
  if (const auto* binary = term.as<Binary>()) return is_utf8(binary->bytes);
  return term.as<Atom>() || term.as<int64_t>();
}

void append_float(std::string& out, double value) {
  char text[32];
  std::string_view digits{
      text, static_cast<size_t>(std::to_chars(text, text + sizeof text, value).ptr - text)};
  out.append(digits);
  if (digits.find_first_of(".e") == std::string_view::npos) out.append(".0");
}

struct JsonWriter {
  std::string& out;

  void wrapped(std::string_view key, std::string_view bytes) {
    out.append("{\"").append(key).append("\":\"").append(to_base64(bytes)).append("\"}");
  }
  template <class T>
  void whole(const T& value) {
    std::string bytes;
    append_term(bytes, Term{value});
    wrapped(kTermKey, bytes);
  }
  void items(const std::vector<Term>& terms) {
    out.push_back('[');
    for (const auto& term : terms) {
      if (&term != terms.data()) out.push_back(',');
      std::visit(*this, term.value);
    }
    out.push_back(']');
  }

  void operator()(int64_t n) { out.append(std::to_string(n)); }
  void operator()(double value) { append_float(out, value); }
  void operator()(const BigInteger& number) {
    if (number.magnitude.size() > kDigitsMost) return whole(number);
    out.append(decimal(number));
  }
  void operator()(const Atom& atom) {
    if (atom.name == "true" || atom.name == "false" || atom.name == "null")
      out.append(atom.name);
    else if (atom.name == "undefined")
      out.append("null");
    else
      append_json_string(out, atom.name);
  }
  void operator()(const Binary& binary) {
    if (!is_utf8(binary.bytes)) return wrapped(kBase64Member, binary.bytes);
    append_json_string(out, binary.bytes);
  }
  void operator()(const Bits& bits) { whole(bits); }
  void operator()(const Opaque& opaque) { whole(opaque); }
  void operator()(const List& list) {
    if (!list.tail.empty()) return whole(list);
    items(list.items);
  }
  void operator()(const Tuple& tuple) { items(tuple.items); }

  void key(const Term& term) {
    if (const auto* binary = term.as<Binary>())
      append_json_string(out, binary->bytes);
    else if (const auto* atom = term.as<Atom>())
      append_json_string(out, atom->name);
    else
      out.append("\"").append(std::to_string(*term.as<int64_t>())).append("\"");
  }
  void operator()(const Map& map) {
    auto has_key = [](const auto& member) { return is_key(member.first); };
    if (!std::all_of(map.members.begin(), map.members.end(), has_key)) return whole(map);
    out.push_back('{');
    for (const auto& member : map.members) {
      if (&member != map.members.data()) out.push_back(',');
      key(member.first);
      out.push_back(':');
      std::visit(*this, member.second.value);
    }
    out.push_back('}');
  }
};

// {"$base64": ...} and {"$term": ...} as what they stand for; any other map as it is.
Term unwrapped(Map map) {
  if (map.members.size() != 1) return map;
  const auto& [key, value] = map.members.front();
  const auto* name = key.as<Binary>();
  const auto* text = value.as<Binary>();
  if (!name || !text || (name->bytes != kBase64Member && name->bytes != kTermKey)) return map;
  auto bytes = from_base64(text->bytes);
  if (!bytes) return map;
  if (name->bytes == kBase64Member) return Binary{std::move(*bytes)};
  auto term = read_term(*bytes);
  if (!term) return map;
  return std::move(*term);
}

// What the parser tells, made into terms: a level for each array and object that is open.
class TermBuilder {
 public:
  using code = boost::json::error_code;
  using text = boost::json::string_view;
  static constexpr size_t max_object_size = SIZE_MAX, max_array_size = SIZE_MAX,
                          max_key_size = SIZE_MAX, max_string_size = SIZE_MAX;

  Term take() { return std::move(levels_.front().items.front()); }

  bool on_document_begin(code&) { return levels_.emplace_back(), true; }
  bool on_document_end(code&) { return true; }
  bool on_array_begin(code&) { return levels_.emplace_back(), true; }
  bool on_array_end(size_t, code&) { return add(List{close().items, {}}); }
  bool on_object_begin(code&) { return levels_.emplace_back(), true; }
  bool on_object_end(size_t, code&) {
    Level level = close();
    Map map;
    for (size_t i = 0; i < level.items.size(); ++i)
      map.members.emplace_back(Binary{std::move(level.keys[i])}, std::move(level.items[i]));
    keep_last(map);
    return add(unwrapped(std::move(map)));
  }
  bool on_key_part(text part, size_t, code&) { return part_.append(part), true; }
  bool on_key(text part, size_t, code&) {
    levels_.back().keys.push_back(whole(part));
    return true;
  }
  bool on_string_part(text part, size_t, code&) { return part_.append(part), true; }
  bool on_string(text part, size_t, code&) { return add(Binary{whole(part)}); }
  bool on_number_part(text part, code&) { return part_.append(part), true; }
  bool on_int64(int64_t n, text, code&) { return part_.clear(), add(n); }
  bool on_uint64(uint64_t, text part, code&) { return add(integer_term(whole(part))); }
  bool on_double(double value, text part, code& ec) {
    std::string digits = whole(part);
    bool integer = digits.find_first_not_of("-0123456789") == std::string::npos;
    if (integer && digits.size() <= kDigitsMost) return add(integer_term(digits));
    if (!std::isfinite(value)) ec = boost::json::error::exponent_overflow;
    if (ec) return false;
    double exact = value;  // the parser's own may be off in the last bit
    auto read = std::from_chars(digits.data(), digits.data() + digits.size(), exact);
    return add(read.ec == std::errc{} ? exact : value);
  }
  bool on_bool(bool value, code&) { return add(Atom{value ? "true" : "false"}); }
  bool on_null(code&) { return add(Atom{"null"}); }
  bool on_comment_part(text, code&) { return true; }
  bool on_comment(text, code&) { return true; }

 private:
  struct Level {
    std::vector<std::string> keys;  // of an object
    std::vector<Term> items;
  };
  bool add(Term term) { return levels_.back().items.push_back(std::move(term)), true; }
  Level close() {
    Level level = std::move(levels_.back());
    levels_.pop_back();
    return level;
  }
  std::string whole(text last) {
    part_.append(last);
    return std::exchange(part_, {});
  }
  // A map has each key once.
  static void keep_last(Map& map) {
    auto name = [](const auto& member) -> const std::string& {
      return member.first.template as<Binary>()->bytes;
    };
    std::vector<size_t> order(map.members.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      return name(map.members[a]) < name(map.members[b]);
    });
    std::vector<bool> drop(order.size());
    bool any = false;
    for (size_t i = 0; i + 1 < order.size(); ++i)
      if (name(map.members[order[i]]) == name(map.members[order[i + 1]]))
        any = drop[order[i]] = true;
    if (!any) return;
    Map kept;
    for (size_t i = 0; i < drop.size(); ++i)
      if (!drop[i]) kept.members.push_back(std::move(map.members[i]));
    map = std::move(kept);
  }

  std::vector<Level> levels_;
  std::string part_;  // of a key, string or number that comes in parts
};

}  // namespace

void append_json(std::string& out, const Term& term) { std::visit(JsonWriter{out}, term.value); }

Result<Term> term_from_json(std::string_view json) {
  boost::json::parse_options options;
  options.max_depth = limits::kTermDepth;
  boost::json::basic_parser<TermBuilder> parser{options};
  boost::json::error_code ec;
  size_t used = parser.write_some(false, json.data(), json.size(), ec);
  if (!ec && json.find_first_not_of(" \t\r\n", used) != std::string_view::npos)
    ec = boost::json::error::extra_data;
  if (ec)
    return Error{ErrorCode::kInvalidInput, ec.message() + " at offset " + std::to_string(used)};
  return parser.handler().take();
}

Result<std::string> etf_to_json(std::string_view bytes) {
  auto term = read_term(bytes);
  if (!term) return std::move(term).error();
  std::string out;
  append_json(out, *term);
  return out;
}

}  // namespace trivet::wire
