#include "gateway/port/request.h"

#include <cstdio>

#include "wire/etf_json.h"
#include "wire/text.h"

namespace trivet::gateway {
namespace {

using wire::Term;

Error wrong(std::string what) { return {ErrorCode::kInvalidRequest, std::move(what)}; }

struct Fields {
  const std::vector<Term>& items;
  std::optional<Error> error;

  std::string text(size_t i, const char* what) {
    auto text = wire::term_text(items[i]);
    if ((!text || text->empty()) && !error)
      error = wrong(std::string{what} + " must be an atom, a binary or a string");
    return text ? *text : "";
  }
  std::string args(size_t i) {
    const auto* list = items[i].as<wire::List>();
    if ((!list || !list->tail.empty()) && !error) error = wrong("Args must be a list");
    std::string out;
    wire::append_json(out, items[i]);
    return out;
  }
  std::optional<Duration> timeout(size_t i) {
    if (items[i].is_atom("infinity") || items[i].is_atom("undefined")) return std::nullopt;
    const auto* ms = items[i].as<int64_t>();
    constexpr int64_t kMost = std::chrono::milliseconds{limits::kTimeoutMax}.count();
    if ((!ms || *ms < 0 || *ms > kMost) && !error)
      error = wrong("TimeoutMs must be infinity or a number from 0 to " + std::to_string(kMost));
    return std::chrono::milliseconds{ms ? *ms : 0};
  }
};

struct Form {
  std::string_view name;
  size_t size;
  const char* text;
};
constexpr Form kForms[] = {
    {"call", 7, "{call, Id, Pool, Module, Function, Args, TimeoutMs}"},
    {"cast", 5, "{cast, Pool, Module, Function, Args}"},
    {"start_pool", 5, "{start_pool, Id, Pool, Runtime, Options}"},
    {"stop_pool", 3, "{stop_pool, Id, Pool}"},
    {"ping", 3, "{ping, Id, Pool}"},
    {"stats", 2, "{stats, Id}"},
};

Result<const Form*> form_of(const Term& term) {
  const auto* tuple = term.as<wire::Tuple>();
  if (!tuple || tuple->items.empty()) return wrong("a request is a tuple");
  for (const auto& form : kForms) {
    if (!tuple->items[0].is_atom(form.name)) continue;
    if (tuple->items.size() == form.size) return &form;
    return wrong(std::string{"write "} + form.text);
  }
  std::string shown;
  wire::append_json(shown, tuple->items[0]);
  return wrong("there is no request " + shown.substr(0, 100) +
               ": there are call, cast, start_pool, stop_pool, ping and stats");
}

}  // namespace

std::optional<Term> id_of(const Term& term) {
  const auto* tuple = term.as<wire::Tuple>();
  if (!tuple || tuple->items.size() < 2 || tuple->items[0].is_atom("cast")) return std::nullopt;
  return tuple->items[1];
}

Result<PortRequest> read_request(const Term& term) {
  auto form = form_of(term);
  if (!form) return std::move(form).error();
  std::string_view name = (*form)->name;
  Fields fields{term.as<wire::Tuple>()->items, std::nullopt};
  const auto& items = fields.items;
  PortRequest out;
  if (name == "call")
    out = PortCall{items[1],
                   fields.text(2, "Pool"),
                   fields.text(3, "Module"),
                   fields.text(4, "Function"),
                   fields.args(5),
                   fields.timeout(6)};
  else if (name == "cast")
    out = PortCall{std::nullopt,
                   fields.text(1, "Pool"),
                   fields.text(2, "Module"),
                   fields.text(3, "Function"),
                   fields.args(4),
                   std::nullopt};
  else if (name == "stop_pool")
    out = PortStop{items[1], fields.text(2, "Pool")};
  else if (name == "ping")
    out = PortPing{items[1], fields.text(2, "Pool")};
  else if (name == "stats")
    out = PortStats{items[1]};
  if (name == "start_pool") {
    std::string pool = fields.text(2, "Pool"), runtime = fields.text(3, "Runtime");
    if (fields.error) return *std::move(fields.error);
    auto spec = read_pool_options(runtime, items[4]);
    if (!spec) return std::move(spec).error();
    out = PortStart{items[1], std::move(pool), std::move(*spec)};
  }
  if (fields.error) return *std::move(fields.error);
  return out;
}

std::string function_of_pool(const std::string& pool) {
  if (wire::is_function_name(pool)) return pool;
  uint64_t hash = 14695981039346656037ULL;  // FNV-1a
  for (unsigned char c : pool) hash = (hash ^ c) * 1099511628211ULL;
  char text[32];
  std::snprintf(text, sizeof text, "pool-%016llx", static_cast<unsigned long long>(hash));
  return text;
}

}  // namespace trivet::gateway
