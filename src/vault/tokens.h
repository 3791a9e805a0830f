#pragma once
// AccessTokens: who may use the HTTP API. Kept below DATA/vault as a keyed hash of each token, so
// that who reads the file can use none.
//
// A token is "trv_", an id of 16 hex digits, "_", and 256 random bits as 64 hex digits. A slow
// hash, as for passwords, would gain nothing: nobody guesses 256 random bits, and every request
// pays for it.

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vault/scopes.h"

namespace trivet::vault {

inline constexpr size_t kTokensMost = 10'000;
inline constexpr size_t kTokenNameMost = 128;

struct TokenRow {
  std::string id, name;
  Scopes scopes;
  int64_t created_ms = 0, expires_ms = 0;  // Unix milliseconds; 0: it does not expire
  std::string hash;                        // 32 bytes
};

// Immutable.
struct TokenFile {
  std::string key;                                      // of the hashes, 32 bytes
  std::map<std::string, TokenRow, std::less<>> tokens;  // by id
};

// The id of a token that add() gave.
std::string id_of_token(std::string_view token);

// JSON text, of docs/formats/secrets.md. Pure. kInvalidInput.
Result<TokenFile> parse_tokens(std::string_view text);
std::string format_tokens(const TokenFile& file);

class AccessTokens {
 public:
  // Reads what there is in `dir`, which need not exist. Failures are kept: then nobody is let in.
  explicit AccessTokens(std::filesystem::path dir);

  // Any thread, all of them.

  // The new token, which nobody can be told again. kInvalidInput, kIo.
  Result<std::string> add(const Scopes& scopes, const std::string& name, int64_t expires_ms,
                          int64_t now_ms);
  // By id or by name. kNotFound; kInvalidInput when several have that name.
  Status remove(std::string_view which);
  Result<std::vector<TokenRow>> list() const;
  // Whose it is; nothing for one that is unknown or has expired. Takes as long wherever it differs.
  std::optional<TokenRow> verify(std::string_view token, int64_t now_ms) const;
  // Is there one that has not expired?
  bool any(int64_t now_ms) const;
  // Looks at the file again when it has changed.
  void reload();

 private:
  Result<TokenFile> load() const;
  Status store(TokenFile file);
  std::shared_ptr<const TokenFile> current() const;

  std::filesystem::path dir_, file_;
  mutable std::mutex mutex_;
  std::shared_ptr<const TokenFile> current_;  // guarded by mutex_
  std::optional<Error> failure_;              // likewise
  std::string stamp_;                         // likewise
};

}  // namespace trivet::vault
