#include "gateway/vault.h"

#include <boost/json.hpp>

#include "wire/query.h"
#include "wire/text.h"

namespace trivet::gateway {
namespace {

namespace json = wire::json;

constexpr std::string_view kSecrets = "/v1/secrets", kTokens = "/v1/tokens";

json::value or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

bool reads(const VaultRequest& request) {
  return request.method == "GET" || request.method == "HEAD";
}

Error not_served(const VaultRequest& request, std::string allow) {
  Error error{ErrorCode::kMethodNotAllowed, request.method + " is not served at " + request.path,
              "use " + allow};
  error.details.emplace_back("allow", std::move(allow));
  return error;
}

Result<VaultAnswer> list_secrets(const vault::Secrets& secrets) {
  auto rows = secrets.list();
  if (!rows) return std::move(rows).error();
  json::array out;
  for (const auto& row : *rows)
    out.push_back(json::object{
        {"name", row.name}, {"function", or_null(row.function)}, {"updated_ms", row.updated_ms}});
  return VaultAnswer{200, json::object{{"secrets", std::move(out)}}, false};
}

json::object token_row(const vault::TokenRow& row) {
  json::object out{{"id", row.id},
                   {"name", or_null(row.name)},
                   {"scope", row.scopes.text()},
                   {"created_ms", row.created_ms}};
  out["expires_ms"] = row.expires_ms == 0 ? json::value(nullptr) : json::value(row.expires_ms);
  return out;
}

Result<VaultAnswer> list_tokens(const vault::AccessTokens& tokens) {
  auto rows = tokens.list();
  if (!rows) return std::move(rows).error();
  json::array out;
  for (const auto& row : *rows) out.push_back(token_row(row));
  return VaultAnswer{200, json::object{{"tokens", std::move(out)}}, false};
}

Result<VaultAnswer> put_secret(vault::Secrets& secrets, const vault::SecretName& name,
                               const std::string& value, int64_t now_ms) {
  std::string made;
  if (Status set = secrets.set(name, value, now_ms, &made); !set) return std::move(set).error();
  json::object row{
      {"name", name.second}, {"function", or_null(name.first)}, {"updated_ms", now_ms}};
  if (!made.empty()) row["key_made"] = made;
  return VaultAnswer{200, std::move(row), true};
}

Result<vault::TokenRow> read_order(std::string_view body, int64_t now_ms) {
  auto parsed = wire::parse_json(body);
  if (!parsed) return Error{ErrorCode::kInvalidRequest, parsed.error().message};
  const json::object* object = parsed->if_object();
  if (!object) return Error{ErrorCode::kInvalidRequest, "the body is not a JSON object"};
  for (const auto& member : *object)
    if ((member.key() != "scope" && member.key() != "name" && member.key() != "expires") ||
        !member.value().is_string())
      return Error{ErrorCode::kInvalidRequest, "unexpected \"" + std::string{member.key()} + "\"",
                   "there are scope, name and expires, which are text"};
  auto scopes = vault::Scopes::parse(wire::get_string(*object, "scope"));
  if (!scopes) return std::move(scopes).error();
  vault::TokenRow order;
  order.scopes = std::move(*scopes);
  order.name = wire::get_string(*object, "name");
  order.created_ms = now_ms;
  std::string_view expires = wire::get_string(*object, "expires");
  if (expires.empty()) return order;
  auto life = wire::parse_duration(expires);
  if (!life || *life <= Duration::zero())
    return Error{ErrorCode::kInvalidInput,
                 "expires is \"" + std::string{expires} + "\", not a duration",
                 "write it like 30d"};
  order.expires_ms = now_ms + static_cast<int64_t>(to_ms(*life));
  return order;
}

Result<VaultAnswer> post_token(vault::AccessTokens& tokens, std::string_view body, int64_t now_ms) {
  auto order = read_order(body, now_ms);
  if (!order) return std::move(order).error();
  auto token = tokens.add(order->scopes, order->name, order->expires_ms, now_ms);
  if (!token) return std::move(token).error();
  order->id = vault::id_of_token(*token);
  json::object out = token_row(*order);
  out["token"] = *token;
  return VaultAnswer{201, std::move(out), false};
}

// `name`: what follows the slash, decoded.
Result<VaultAnswer> answer_secrets(vault::Secrets& secrets, const VaultRequest& request,
                                   const std::string& name, int64_t now_ms) {
  if (name.empty())
    return reads(request) ? list_secrets(secrets) : not_served(request, "GET, HEAD");
  auto function = wire::query_value(request.query, "function");
  if (!function) return std::move(function).error();
  if (request.method == "PUT") return put_secret(secrets, {*function, name}, request.body, now_ms);
  if (request.method != "DELETE") return not_served(request, "PUT, DELETE");
  if (Status gone = secrets.remove({*function, name}); !gone) return std::move(gone).error();
  return VaultAnswer{204, nullptr, true};
}

Result<VaultAnswer> answer_tokens(vault::AccessTokens& tokens, const VaultRequest& request,
                                  const std::string& name, int64_t now_ms) {
  if (name.empty() && reads(request)) return list_tokens(tokens);
  if (name.empty() && request.method == "POST") return post_token(tokens, request.body, now_ms);
  if (name.empty()) return not_served(request, "GET, HEAD, POST");
  if (request.method != "DELETE") return not_served(request, "DELETE");
  if (Status gone = tokens.remove(name); !gone) return std::move(gone).error();
  return VaultAnswer{204, nullptr, false};
}

}  // namespace

bool is_vault_path(std::string_view path) {
  for (std::string_view prefix : {kSecrets, kTokens})
    if (path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/'))
      return true;
  return false;
}

Result<VaultAnswer> answer_vault(vault::Secrets& secrets, vault::AccessTokens& tokens,
                                 const VaultRequest& request, int64_t now_ms) {
  std::string_view path = request.path;
  bool is_secrets = path.starts_with(kSecrets);
  std::string_view rest = path.substr(is_secrets ? kSecrets.size() : kTokens.size());
  auto name = wire::percent_decode(rest.substr(rest.empty() ? 0 : 1));
  if (!name) return std::move(name).error();
  if ((!rest.empty() && name->empty()) || rest.find('/', 1) != std::string_view::npos)
    return Error{ErrorCode::kNotFound, "nothing is served at " + request.path};
  return is_secrets ? answer_secrets(secrets, request, *name, now_ms)
                    : answer_tokens(tokens, request, *name, now_ms);
}

}  // namespace trivet::gateway
