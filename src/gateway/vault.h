#pragma once
// Secrets and access tokens, as requests that are answered in JSON: by the administration for
// clients, and by the command line on a folder that nobody serves. A secret's value goes in and
// never comes out; a token is told once.
//
//   GET    /v1/secrets                   names and times
//   PUT    /v1/secrets/{name}?function=  the body is the value
//   DELETE /v1/secrets/{name}?function=
//   GET    /v1/tokens                    what they may do
//   POST   /v1/tokens                    {"scope", "name"?, "expires"?: "30d"}
//   DELETE /v1/tokens/{id or name}

#include <string>
#include <string_view>

#include "vault/secrets.h"
#include "vault/tokens.h"
#include "wire/json.h"

namespace trivet::gateway {

struct VaultRequest {
  std::string method, path, query, body;
};

struct VaultAnswer {
  int status = 200;
  wire::json::value body;        // null: there is none
  bool secrets_changed = false;  // workers have to hear of it
};

bool is_vault_path(std::string_view path);
// Reads and writes files: for a thread that may block. kNotFound, kMethodNotAllowed with "allow",
// kInvalidRequest, kInvalidInput, kIo.
Result<VaultAnswer> answer_vault(vault::Secrets& secrets, vault::AccessTokens& tokens,
                                 const VaultRequest& request, int64_t now_ms);

}  // namespace trivet::gateway
